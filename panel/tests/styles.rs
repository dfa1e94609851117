//! Tests the style sheets.

/// The style of a `:hover` stays after a tap on a touch screen, and a key then looks as if it were chosen. Therefore
/// every such style is inside `@media (hover: hover)`.
#[test]
fn hover_styles_are_only_for_pointers_that_hover() {
    let sheets = [include_str!("../style.css"), include_str!("../board.css"), include_str!("../manage.css")];
    let inside: usize = sheets.map(check).iter().sum();
    assert!(inside > 5, "only {inside} styles of hovering were found");
}

/// Checks a style sheet, and returns the number of its styles of hovering.
fn check(styles: &str) -> usize {
    let (mut open, mut hovering, mut inside) = (0_usize, Vec::new(), 0);
    for (number, line) in styles.lines().enumerate() {
        if line.contains("@media (hover: hover)") {
            hovering.push(open);
        }
        if line.contains(":hover") && !line.trim_start().starts_with('/') && !line.contains("`:hover`") {
            assert!(!hovering.is_empty(), "line {}: {line}", number + 1);
            inside += 1;
        }
        open = open + line.matches('{').count() - line.matches('}').count();
        while hovering.last().is_some_and(|block| open <= *block) {
            hovering.pop();
        }
    }
    assert_eq!(open, 0, "the braces do not match");
    inside
}
