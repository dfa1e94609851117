//! Finds texts outside the words modules. A translation replaces only the words modules, so such
//! texts would not be translated.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// HTML attributes and component properties whose values people can see or hear.
const TEXT_ATTRIBUTES: [&str; 12] = [
    "placeholder",
    "aria-label",
    "aria-valuetext",
    "aria-description",
    "title",
    "alt",
    "label",
    "hint",
    "text",
    "heading",
    "how",
    "note",
];

/// Capitalised literals that are not texts: the name of an HTTP header, and the stored name of a
/// group.
const NO_TEXTS: [&str; 2] = ["Content-Type", "Favourites"];

/// A string literal in a source file.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Literal {
    /// The number of the source line, from 1.
    line: usize,
    /// The position in the code that `scan` returns, in bytes.
    at: usize,
    /// The content between the quotes. Escape sequences are not decoded.
    text: String,
}

/// Returns the string literals of a source text, and its code. The code has no comments and no
/// character literals, and each string literal is replaced by one quote.
fn scan(source: &str) -> (String, Vec<Literal>) {
    let mut code = String::new();
    let mut literals = Vec::new();
    let mut rest = source;
    let mut line = 1;
    while let Some(first) = rest.chars().next() {
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if let Some((length, text)) = literal(rest) {
            literals.push(Literal { line, at: code.len(), text: text.to_owned() });
            code.push('"');
            length
        } else if first == '\'' {
            character(rest)
        } else {
            code.push(first);
            first.len_utf8()
        };
        let (taken, left) = rest.split_at(length);
        line += taken.matches('\n').count();
        rest = left;
    }

/// If a text starts with a string literal, returns the literal's length in bytes and its content.
fn literal(text: &str) -> Option<(usize, &str)> {
    if let Some(raw) = text.strip_prefix('r') {
        let opened = raw.trim_start_matches('#');
        let hashes = raw.len() - opened.len();
        let body = opened.strip_prefix('"')?;
        let close = format!("\"{}", "#".repeat(hashes));
        let end = body.find(close.as_str())?;
        // The sum counts the letter `r`, the hashes, the quote, the content, and the closing quote
        // with its hashes.
        return Some((1 + hashes + 1 + end + close.len(), body.split_at(end).0));
    }
    let body = text.strip_prefix('"')?;
    let mut is_escaped = false;
    for (at, c) in body.char_indices() {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '"' => return Some((at + 2, body.split_at(at).0)),
            _ => {}
        }
    }

/// Returns the length in bytes of the character literal at the start of a text. For a lifetime such
/// as `'a`, returns only the length of the quote.
fn character(text: &str) -> usize {
    let mut after = text.char_indices().skip(1);
    match (after.next(), after.next()) {
        (Some((_, '\\')), Some((at, escaped))) => {
            let content = at + escaped.len_utf8();
            text.split_at(content).1.find('\'').map_or(1, |end| content + end + 1)
        }
        (Some(_), Some((at, '\''))) => at + 1,
        _ => 1,
    }
}

/// Returns the bodies of the `view!` macros as byte ranges.
fn views(code: &str) -> Vec<(usize, usize)> {
    let body = |(start, _): (usize, &str)| {
        let mut depth = 0;
        for (offset, c) in code.split_at(start).1.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth <= 1 => return Some((start, start + offset)),
                '}' => depth -= 1,
                _ => {}
            }
        }
    }

    fn attribute(&mut self, attribute: &NodeAttribute) {
        match attribute {
            NodeAttribute::Block(NodeBlock::ValidBlock(block)) => self.visit_block(block),
            NodeAttribute::Attribute(attribute) => {
                let Some(value) = attribute.value() else { return };
                if TEXT_ATTRIBUTES.contains(&attribute.key.to_string().as_str()) {
                    self.shown(value);
                } else {
                    self.visit_expr(value);
                }
            }
            NodeAttribute::Block(_) => {}
        }
    }

    fn shown_block(&mut self, block: &Block) {
        self.visit_block(block);
        if let Some(Stmt::Expr(last, None)) = block.stmts.last() {
            self.shown(last);
        }
    }

    /// An expression whose value people see.
    fn shown(&mut self, expr: &Expr) {
        self.visit_expr(expr);
        match expr {
            Expr::Lit(literal) => {
                if let Lit::Str(literal) = &literal.lit {
                    self.shown_literal(literal);
                }
            }
            Expr::If(branches) => {
                self.shown_block(&branches.then_branch);
                if let Some((_, otherwise)) = &branches.else_branch {
                    self.shown(otherwise);
                }
            }
            Expr::Match(branches) => branches.arms.iter().for_each(|arm| self.shown(&arm.body)),
            Expr::Block(block) => self.shown_block(&block.block),
            Expr::Closure(closure) => self.shown(&closure.body),
            Expr::Paren(inner) => self.shown(&inner.expr),
            _ => {}
        }
    }

    /// The literals among the tokens of a macro.
    fn tokens(&mut self, tokens: TokenStream) {
        for token in tokens {
            match token {
                TokenTree::Group(group) => self.tokens(group.stream()),
                TokenTree::Literal(literal) => {
                    if let Lit::Str(literal) = Lit::new(literal) {
                        self.visit_lit_str(&literal);
                    }
                }
                _ => {}
            }
        }
    }
}

/// Whether a literal has two letters in a row. Signs such as `·`, `?` and the `I` and `O` on a
/// switch are not words.
fn has_word(text: &str) -> bool {
    let letters: Vec<bool> = text.chars().map(char::is_alphabetic).collect();
    letters.windows(2).any(|pair| pair.iter().all(|is_letter| *is_letter))
}

/// Whether a literal starts with a capitalised word, as labels and sentences do.
fn is_capitalised(text: &str) -> bool {
    let mut letters = text.chars();
    let is_capital = letters.next().is_some_and(char::is_uppercase);
    let rest = letters.as_str();
    is_capital && (rest.starts_with(char::is_lowercase) || (rest.starts_with(' ') && has_word(rest)))
}

/// Whether a literal in a view is a text node or the value of a text attribute. `before` is the
/// code before the literal.
fn is_shown(before: &str) -> bool {
    if let Some(before) = before.strip_suffix('=') {
        let is_name = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | ':');
        let name = before.rsplit(|c: char| !is_name(c)).next().unwrap_or_default();
        return TEXT_ATTRIBUTES.contains(&name);
    }
    let before = before.trim_end();
    let follows_tag = before.ends_with('>') && !before.ends_with("=>") && !before.ends_with("->");
    follows_tag || before.ends_with(['}', '"'])
}

/// Returns the line number and the text of each literal that belongs in a words module.
fn misplaced(source: &str) -> Vec<(usize, String)> {
    // The panel does not display the texts of the tests at the end of a file.
    let source = source.split("\nmod tests {").next().unwrap_or_default();
    let (code, literals) = scan(source);
    let views = views(&code);
    let is_misplaced = |literal: &Literal| {
        let text = literal.text.as_str();
        let is_in_view = views.iter().any(|(start, end)| (*start..*end).contains(&literal.at));
        let (before, after) = code.split_at(literal.at);
        // In `code`, the literal is only one quote.
        let after = after.trim_start_matches('"').trim_start();
        let is_pattern = after.starts_with("=>") || after.starts_with('|');
        let is_text = is_capitalised(text) || (is_in_view && has_word(text) && is_shown(before));
        is_text && !is_pattern && !NO_TEXTS.contains(&text)
    };
    let found = literals.into_iter().filter(is_misplaced);
    found.map(|literal| (literal.line, literal.text)).collect()
}

/// Collects the source files below a folder, except words modules and tests.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            if name != "words" {
                sources(&path, found);
            }
        } else if name.ends_with(".rs") && name != "words.rs" && name != "tests.rs" {
            found.push(path);
        }
    }
}

#[test]
fn texts_are_only_in_the_words_modules() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    sources(&root.join("src"), &mut files);
    files.sort();
    let mut wrong = Vec::new();
    let mut views = 0;
    for file in &files {
        let found = find(&fs::read_to_string(file).unwrap());
        views += found.views;
        let shown = file.strip_prefix(root).unwrap().display().to_string();
        wrong.extend(found.misplaced.into_iter().map(|(line, text)| format!("{shown}:{line}: {text:?}")));
    }
    assert!(views > 50, "only {views} views in {} files: has the name of the macro changed?", files.len());
    assert!(wrong.is_empty(), "these texts belong in a words module:\n{}", wrong.join("\n"));
}

#[test]
fn a_text_in_a_view_is_found_with_its_line() {
    let source = r##"
//! "A comment is not a text."
const PATH: &str = "M4 19h16M6 16l12-10v10z";
const OFF: &str = "Off";
const QUOTE: char = '"';
fn part<'a>(text: &'a str) -> Option<&'static str> {
    // view! { <p>"Nor is this one"</p> }
    let (tag, class) = ('{', r#"quiet "row""#);
    if text.len() > 3 { None } else { Some("The device is offline") }
}
fn view() -> impl IntoView {
    view! {
        <p class="quiet text" data-testid="gone" title="offline">
            "gone "
            {word} "and more"
            <a href="/s/home/" aria-label="Close" aria-live="polite">"·"</a>
            <input type="text" placeholder=words::SEARCH autocomplete="off"/>
            {move || if shown.get() { "hide" } else { "\"" }}
            {match kind { "Any" => words::ANY, "all" | "Both" => "every", _ => words::OTHER }}
            <Field label="User name" id="name" hint=format!("notice {}", class)/>
            <button class=move || if busy.get() { "busy" } else { "idle" } title=move || word.unwrap_or("None")/>
            <span>"I"</span>
            {move || view! { <em class=name("quiet")>"nested"</em> }}
        </p>
    }
}
#[cfg(test)]
mod tests {
    const REASON: &str = "Tests may have texts";
}
"##;
    let expected = [
        (4, "Off"),
        (9, "The device is offline"),
        (13, "offline"),
        (14, "gone "),
        (15, "and more"),
        (16, "Close"),
        (18, "hide"),
        (19, "every"),
        (20, "User name"),
        (21, "None"),
        (23, "nested"),
    ];
    let found: Vec<(usize, String)> = find(source).misplaced.into_iter().collect();
    assert_eq!(found, expected.map(|(line, text)| (line, text.to_owned())));
}
