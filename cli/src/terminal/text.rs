//! Lays out text in 80 columns, and escapes terminal control characters.

use pinlatch_protocol::text::is_unseen;

/// The width of printed text, in columns.
const WIDTH: usize = 80;

/// The maximum length of a name that is printed on the same line as its value, in characters.
const NAMES: usize = 16;

/// A row of a table: a name, a value, and an explanation of the value.
pub struct Row {
    pub name: String,
    pub value: String,
    pub note: Option<String>,
}

/// Replaces control characters, invisible characters and direction marks with JSON escapes. An attacker can choose the
/// text of a token, and the output must show the real content. A JSON document keeps its meaning, because the replaced
/// characters occur only inside the strings of the document.
pub fn plain(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        escape(c, &mut shown);
    }
    shown
}

/// Adds a character to a text, in the same way as [`plain`].
pub fn escape(c: char, shown: &mut String) {
    if is_unseen(c) {
        for unit in c.encode_utf16(&mut [0; 2]) {
            shown.push_str(&format!("\\u{unit:04x}"));
        }
    } else {
        shown.push(c);
    }
}

/// Formats rows as a table with aligned values. Values that do not fit on a line are wrapped.
pub fn table(rows: impl IntoIterator<Item = Row>) -> String {
    let rows: Vec<Row> = rows.into_iter().collect();
    let names = rows.iter().map(|row| length(&row.name)).filter(|n| *n <= NAMES).max().unwrap_or(0);
    let room = WIDTH - names - 4;
    // All notes start in the same column, to the right of the longest value that leaves enough room for the longest
    // note.
    let noted: Vec<(usize, usize)> =
        rows.iter().filter_map(|row| Some((length(&row.value), length(row.note.as_ref()?)))).collect();
    let note = noted.iter().map(|(_, note)| *note).max().unwrap_or(0);
    let values = noted.iter().map(|(value, _)| *value).filter(|n| n + 2 + note <= room).max().unwrap_or(0);

    let mut page = String::new();
    for row in &rows {
        let mut lines = match &row.note {
            None => wrap(&row.value, room),
            Some(note) => {
                let both = format!("{:<values$}  {note}", row.value);
                if length(&both) <= room {
                    vec![both]
                } else {
                    [wrap(&row.value, room), wrap(note, room)].concat()
                }
            }
        };
        if length(&row.name) > names {
            for part in wrap(&row.name, WIDTH - 2) {
                page.push_str(&format!("  {part}\n"));
            }
        } else if !lines.is_empty() {
            page.push_str(&format!("  {:<names$}  {}\n", row.name, lines.remove(0)));
        }
        for line in lines {
            page.push_str(&format!("  {:names$}  {line}\n", ""));
        }
    }
    page
}

/// Breaks a text into lines at spaces, and splits words that are longer than a line.
pub fn wrap(mut text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    while let Some((limit, _)) = text.char_indices().nth(width) {
        let (head, tail) = text.split_at(limit);
        let (line, rest) = match (tail.strip_prefix(' '), head.rsplit_once(' ')) {
            (Some(rest), _) => (head, rest),
            (None, Some((line, _))) if !line.is_empty() => (line, text.split_at(line.len() + 1).1),
            (None, _) => (head, tail),
        };
        lines.push(line.to_owned());
        text = rest;
    }
    lines.push(text.to_owned());
    lines
}

/// Lists the commands that a person must run after a change of the deployment's files.
pub fn to_do(steps: &[String]) -> String {
    let steps: Vec<String> = steps.iter().map(|step| format!("  {step}")).collect();
    format!("To put the change into effect, run:\n{}", steps.join("\n"))
}

fn length(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, value: &str, note: Option<&str>) -> Row {
        Row { name: name.into(), value: value.into(), note: note.map(Into::into) }
    }

    #[test]
    fn nothing_that_a_terminal_obeys_gets_through() {
        let hostile = "\u{1b}[2J\u{9b}31m\r\n\u{202e}txt\u{e0041}";
        assert_eq!(
            plain(hostile),
            "\\u001b[2J\\u009b31m\\u000d\\u000a\\u202etxt\\udb40\\udc41",
            "each is written out"
        );
        assert_eq!(plain("Grüße, 鍵"), "Grüße, 鍵");
        let json = plain(&serde_json::to_string(hostile).unwrap());
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), hostile, "JSON keeps its meaning");
        for mark in
            ['\u{200e}', '\u{200f}', '\u{61c}', '\u{202a}', '\u{2066}', '\u{2069}', '\u{200b}', '\u{feff}']
        {
            assert_eq!(plain(&mark.to_string()), format!("\\u{:04x}", u32::from(mark)));
        }
    }

    #[test]
    fn rows_are_aligned_and_fit_the_page() {
        let page = table([
            row("iss", "\"https://issuer.example\"", None),
            row("exp", "1795312800", Some("expires in 59 min")),
            row("nbf", "0", Some("long ago")),
        ]);
        assert_eq!(
            page,
            "  iss  \"https://issuer.example\"\n  exp  1795312800  expires in 59 min\n  nbf  0           long ago\n"
        );
        let long = "x".repeat(300);
        let wide = table([row(&long, &long, Some(&long)), row("a", &"word ".repeat(60), Some("note"))]);
        assert!(wide.lines().all(|line| length(line) <= WIDTH), "{wide}");
        assert_eq!(wide.matches('x').count(), 900, "and nothing is lost");
        assert_eq!(wide.matches("word").count(), 60);
    }

    #[test]
    fn a_text_is_broken_at_spaces_where_it_has_some() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("one twothree", 7), ["one", "twothre", "e"]);
        assert_eq!(wrap(" äöüäöü", 3), [" äö", "üäö", "ü"]);
        assert_eq!(wrap("", 7), [""]);
    }
}
