//! A test that finds texts outside the words modules, because a second language would not replace them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};
use rstml::node::{Node, NodeAttribute, NodeBlock};
use syn::visit::{self, Visit};
use syn::{Block, Expr, Lit, LitStr, Stmt};

/// Attributes and component properties whose values people see or hear.
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

/// Capitalised literals that are not texts: an HTTP header, the name of a key on the keyboard, and the stored name of a
/// group.
const NO_TEXTS: [&str; 5] = ["Content-Type", "Enter", "Escape", "Favourites", "Tab"];

/// The line and content of each literal that belongs in a words module.
type Misplaced = BTreeSet<(usize, String)>;

/// Collects misplaced literals and counts the views.
#[derive(Default)]
struct Finder {
    misplaced: Misplaced,
    views: usize,
}

impl Finder {
    fn add(&mut self, literal: &LitStr) {
        self.misplaced.insert((literal.span().start().line, literal.value()));
    }

    /// A literal that people see if it is a word: `·`, `?`, and the `I` and `O` of a switch are not texts.
    fn shown_literal(&mut self, literal: &LitStr) {
        if has_word(&literal.value()) {
            self.add(literal);
        }
    }

    fn nodes(&mut self, nodes: &[Node]) {
        for node in nodes {
            match node {
                Node::Element(element) => {
                    element.attributes().iter().for_each(|attribute| self.attribute(attribute));
                    self.nodes(&element.children);
                }
                Node::Fragment(fragment) => self.nodes(&fragment.children),
                Node::Text(text) => self.shown_literal(&text.value),
                Node::Block(NodeBlock::ValidBlock(block)) => {
                    self.visit_block(block);
                    self.shown_block(block);
                }
                Node::RawText(text) => panic!("text without quotes in a view: {}", text.to_string_best()),
                _ => {}
            }
        }
    }

    fn attribute(&mut self, attribute: &NodeAttribute) {
        match attribute {
            NodeAttribute::Block(NodeBlock::ValidBlock(block)) => self.visit_block(block),
            NodeAttribute::Attribute(attribute) => {
                let Some(value) = attribute.value() else { return };
                self.visit_expr(value);
                if TEXT_ATTRIBUTES.contains(&attribute.key.to_string().as_str()) {
                    self.shown(value);
                }
            }
            NodeAttribute::Block(_) => {}
        }
    }

    /// A block whose value people see.
    fn shown_block(&mut self, block: &Block) {
        if let Some(Stmt::Expr(last, None)) = block.stmts.last() {
            self.shown(last);
        }
    }

    /// An expression whose value people see.
    fn shown(&mut self, expr: &Expr) {
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

impl<'ast> Visit<'ast> for Finder {
    /// Comments are attributes.
    fn visit_attribute(&mut self, _: &'ast syn::Attribute) {}

    /// A pattern is compared with a value and never displayed.
    fn visit_pat(&mut self, _: &'ast syn::Pat) {}

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if item.ident != "tests" {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_lit_str(&mut self, literal: &'ast LitStr) {
        let text = literal.value();
        if is_capitalised(&text) && !NO_TEXTS.contains(&text.as_str()) {
            self.add(literal);
        }
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        if call.path.is_ident("view") {
            self.views += 1;
            self.nodes(&rstml::parse2(call.tokens.clone()).unwrap());
        } else {
            self.tokens(call.tokens.clone());
        }
    }
}

fn find(source: &str) -> Finder {
    let mut finder = Finder::default();
    finder.visit_file(&syn::parse_file(source).unwrap());
    finder
}

/// Whether a literal has two letters in a row.
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

/// Finds the source files below a folder, without the words modules and tests.
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
    assert!(
        views > 50,
        "the {} source files call the macro `view!` only {views} times; was the macro renamed?",
        files.len()
    );
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
