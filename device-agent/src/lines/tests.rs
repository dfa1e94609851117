//! All lines together, on tokio's paused clock.

use serde_json::json;
use tempfile::TempDir;

use super::*;

fn open(lines: &str) -> (Lines, mpsc::Receiver<Edge>, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let text = format!("state_dir = \"s\"\n[simulator]\njournal = \"j\"\n{lines}");
    let config = Config::parse(&text, folder.path()).unwrap();
    let (lines, edges) = Lines::open(&config);
    (lines, edges, folder)
}

fn run(lines: &Lines, line: &str, action: &str, args: Value) -> Result<Option<Level>, Refused> {
    lines.run(&Name::new(line).unwrap(), action, args.as_object().unwrap())
}

/// Drives the lines for some time and collects what they report.
async fn events(lines: &Lines, edges: mpsc::Receiver<Edge>, time: Duration) -> Vec<(Duration, Level)> {
    let start = Instant::now();
    let mut seen = Vec::new();
    let collect = async {
        loop {
            let event = lines.next_event().await;
            seen.push((event.at - start, event.level));
        }
    };
    tokio::select! {
        () = lines.drive(edges) => {}
        () = collect => {}
        () = tokio::time::sleep(time) => {}
    }
    seen
}

const DOOR: &str = "[lines.door]\nkind = \"momentary\"\ndriver = \"sim\"\n";
const LAMP: &str = "[lines.lamp]\nkind = \"switch\"\ndriver = \"sim\"\n";

#[tokio::test(start_paused = true)]
async fn a_pulse_is_reported_at_both_ends_and_needs_no_link() {
    let (lines, edges, _folder) = open(DOOR);
    assert_eq!(run(&lines, "door", "pulse", json!({ "ms": 3_000 })), Ok(Some(Level::On(true))));
    lines.link_lost();
    let seen = events(&lines, edges, Duration::from_secs(10)).await;
    let expected = [(Duration::ZERO, Level::On(true)), (Duration::from_secs(3), Level::On(false))];
    assert_eq!(seen, expected);
}

#[tokio::test(start_paused = true)]
async fn a_fast_blink_is_sampled_and_its_end_is_told() {
    let (lines, edges, _folder) = open(LAMP);
    run(&lines, "lamp", "blink", json!({ "period_ms": 20, "count": 105 })).unwrap();
    let seen = events(&lines, edges, Duration::from_secs(10)).await;
    assert!((5..=22).contains(&seen.len()), "{seen:?}");
    assert_eq!(seen.last().map(|(_, level)| *level), Some(Level::On(false)));
}

#[tokio::test(start_paused = true)]
async fn a_lost_link_makes_a_line_safe_after_a_minute_by_default() {
    let (lines, edges, _folder) = open(LAMP);
    run(&lines, "lamp", "set", json!({ "value": true })).unwrap();
    lines.link_lost();
    let seen = events(&lines, edges, Duration::from_secs(100)).await;
    assert_eq!(seen.last(), Some(&(Duration::from_secs(60), Level::On(false))));
}

#[tokio::test(start_paused = true)]
async fn events_of_a_time_without_a_link_are_not_told_later() {
    let (lines, edges, _folder) = open(LAMP);
    run(&lines, "lamp", "toggle", json!({})).unwrap();
    lines.link_up();
    assert_eq!(lines.infos()[0].level, Some(Level::On(true)), "the hello says it");
    assert_eq!(events(&lines, edges, Duration::from_secs(1)).await, []);
}

#[tokio::test(start_paused = true)]
async fn events_are_bounded_while_nobody_listens() {
    let (lines, _edges, _folder) = open(LAMP);
    for _ in 0..10 * MAX_EVENTS {
        run(&lines, "lamp", "toggle", json!({})).unwrap();
    }
    assert_eq!(std::iter::from_fn(|| lines.pending_event()).count(), MAX_EVENTS);
}

#[tokio::test]
async fn dropping_everything_leaves_the_outputs_safe() {
    let (lines, edges, folder) = open(LAMP);
    run(&lines, "lamp", "set", json!({ "value": true })).unwrap();
    drop((lines, edges));
    let journal = std::fs::read_to_string(folder.path().join("j")).unwrap();
    let last: Value = serde_json::from_str(journal.lines().last().unwrap()).unwrap();
    assert_eq!((&last["line"], &last["level"]), (&json!("lamp"), &json!(false)));
}
