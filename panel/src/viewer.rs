//! The site and the subject that the page was drawn for. Each call of the page names both, so the edge refuses a call
//! if another person has logged in since the page was drawn.
//!
//! The attributes `data-site` and `data-subject` of the document store both values, and `data-other-sites` the other
//! sites of the browser, because the login program and the
//! board draw the same document, but share no memory.

use pinlatch_protocol::name::Name;
use web_sys::Element;

use crate::platform;
use crate::visit::Visitor;

const SITE: &str = "data-site";
const SUBJECT: &str = "data-subject";
const OTHER_SITES: &str = "data-other-sites";

fn document() -> Option<Element> {
    web_sys::window()?.document()?.document_element()
}

/// Returns the site of the page. If the URL contains no site, the page belongs to the site that the edge has reported.
pub fn site() -> Option<Name> {
    platform::site().or_else(|| Name::new(document()?.get_attribute(SITE)?).ok())
}

/// Stores the site that the edge has reported.
pub fn set_site(site: &str) {
    set(SITE, site);
}

/// Returns the other sites to which the browser was logged in when the status of the session was requested. A guest
/// sees no other site.
pub fn other_sites() -> Vec<Name> {
    let sites = document().filter(|_| platform::visitor() == Visitor::Person);
    let sites = sites.and_then(|document| document.get_attribute(OTHER_SITES)).unwrap_or_default();
    sites.split_whitespace().filter_map(|site| Name::new(site).ok()).collect()
}

/// Stores the other sites that the edge has reported.
pub fn set_other_sites(sites: &[&str]) {
    set(OTHER_SITES, &sites.join(" "));
}

/// Returns the subject of the token with which the page received its first data.
pub fn subject() -> Option<String> {
    document()?.get_attribute(SUBJECT)
}

/// Stores the subject of the page, unless the page already has a subject.
pub fn set_subject(subject: &str) {
    if self::subject().is_none() {
        set(SUBJECT, subject);
    }
}

fn set(name: &str, value: &str) {
    if let Some(document) = document() {
        let _ = document.set_attribute(name, value);
    }
}
