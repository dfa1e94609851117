use super::*;

fn ids(text: &str) -> Vec<String> {
    text.split(' ').map(ToOwned::to_owned).collect()
}

#[test]
fn what_is_kept_is_found_again() {
    let mut prefs = Prefs::default();
    prefs.put("porch/door", Some(FAVOURITES));
    prefs.put("shed/pump", Some("  Front\n garden "));
    prefs.set_press("porch/door", Press::Tap);
    prefs.set_asks("porch/gate", true);
    prefs.arrange(OrderKind::Plates, ids("shed porch"));
    prefs.arrange(OrderKind::Lines, ids("porch/lamp porch/door"));
    let again = Prefs::parse(&prefs.to_text());
    assert_eq!(again, prefs);
    assert_eq!(again.group("shed/pump"), Some("Front garden"));
    assert_eq!(again.groups(), [FAVOURITES, "Front garden"]);
    assert_eq!((again.press("porch/door"), again.press("porch/gate")), (Press::Tap, Press::Hold));
    assert!(again.asks("porch/gate") && !again.asks("porch/door"));
    assert_eq!(again.place(OrderKind::Plates, "porch"), 1);
    assert_eq!(again.place(OrderKind::Lines, "porch/lamp"), 0);
    assert_eq!(again.place(OrderKind::Lines, "porch/rose"), usize::MAX);
}

#[test]
fn what_is_not_understood_is_passed_over() {
    let text =
        "plate porch\nsong la la\n\nin\nin porch/door\npress porch/door twice\nask porch/door\n{\"a\":1}\n";
    let prefs = Prefs::parse(text);
    assert_eq!(prefs.to_text(), "plate porch\nask porch/door\n");
}

#[test]
fn a_line_is_in_one_group_and_goes_back() {
    let mut prefs = Prefs::default();
    prefs.put("porch/door", Some("One"));
    prefs.put("porch/door", Some("Two"));
    assert_eq!(prefs.groups(), ["Two"]);
    prefs.put("porch/door", None);
    assert_eq!(prefs, Prefs::default());
    prefs.put("porch/door", Some(" \t\n"));
    assert_eq!(prefs, Prefs::default(), "a name of nothing is no group");
    prefs.put("porch/door", Some(&"x".repeat(500)));
    assert_eq!(prefs.group("porch/door").map(str::len), Some(MAX_GROUP));
}

#[test]
fn moving_ends_at_the_ends() {
    let all = ids("a b c");
    assert_eq!(moved(&all, "a", 1), ids("b a c"));
    assert_eq!(moved(&all, "a", -1), all);
    assert_eq!(moved(&all, "a", 9), ids("b c a"));
    assert_eq!(moved(&all, "c", -2), ids("c a b"));
    assert_eq!(moved(&all, "x", 1), all);
}

#[test]
fn arranging_one_plate_leaves_the_others() {
    let mut prefs = Prefs::default();
    prefs.arrange(OrderKind::Lines, ids("a/1 a/2"));
    prefs.arrange(OrderKind::Lines, ids("b/2 b/1"));
    prefs.arrange(OrderKind::Lines, ids("a/2 a/1"));
    assert!(prefs.place(OrderKind::Lines, "a/2") < prefs.place(OrderKind::Lines, "a/1"));
    assert!(prefs.place(OrderKind::Lines, "b/2") < prefs.place(OrderKind::Lines, "b/1"));
}

#[test]
fn it_stays_small() {
    let mut prefs = Prefs::default();
    for round in 0..3 {
        prefs.arrange(OrderKind::Lines, (0..MOST).map(|index| format!("d{round}/{index}")).collect());
    }
    assert_eq!(prefs.lines.len(), MOST);
    assert_eq!(prefs.place(OrderKind::Lines, "d2/0"), 0, "the latest stay");
}

#[test]
fn a_theme_is_kept_by_its_mark() {
    for theme in Theme::ALL {
        assert_eq!(Theme::of(Some(theme.mark())), theme);
    }
    assert_eq!((Theme::of(None), Theme::of(Some("pink"))), (Theme::System, Theme::System));
}
