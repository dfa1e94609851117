use super::*;

/// Converts the SVG path to a matrix of modules.
fn painted(drawing: &Drawing) -> Vec<Vec<bool>> {
    let mut dots = vec![vec![false; drawing.side]; drawing.side];
    for run in drawing.path.split('M').filter(|run| !run.is_empty()) {
        let (at, rest) = run.split_once('h').unwrap();
        let (x, y) = at.split_once(' ').unwrap();
        let (x, y): (usize, usize) = (x.parse().unwrap(), y.parse().unwrap());
        let length: usize = rest.split_once('v').unwrap().0.parse().unwrap();
        dots[y][x..x + length].fill(true);
    }
    dots
}

#[test]
fn the_path_draws_every_dark_module_and_no_other() {
    let text = "https://pin.example/#abc.def";
    let drawing = draw(text).unwrap();
    let code = QrCode::with_error_correction_level(text, EcLevel::M).unwrap();
    let dots = painted(&drawing);
    for (index, color) in code.to_colors().into_iter().enumerate() {
        let (x, y) = (index % code.width() + QUIET, index / code.width() + QUIET);
        assert_eq!(dots[y][x], color == Color::Dark, "{x} {y}");
    }
    let border = |row: &[bool]| row.iter().all(|dot| !dot);
    assert!(dots[..QUIET].iter().all(|row| border(row)), "the border stays empty");
    assert!(dots.iter().all(|row| border(&row[..QUIET]) && border(&row[drawing.side - QUIET..])));
}

#[test]
fn a_guest_link_fits_and_a_novel_does_not() {
    let link = format!("https://pinlatch.example.workers.dev/s/home/#guest={}", "x".repeat(900));
    assert!(draw(&link).is_some());
    assert_eq!(draw(&"x".repeat(3_000)), None);
}
