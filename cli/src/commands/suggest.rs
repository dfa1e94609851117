//! Suggests names and ids for a name or an id that the edge does not know. Each suggestion needs a request to the edge.
//! If the request fails, for example because the caller must not read the list, there is no suggestion.

use anyhow::{Error, Result};
use pinlatch_protocol::admin::{Enrolment, Invitation, Person, Session, TokenView};
use pinlatch_protocol::endpoint::Endpoint;
use pinlatch_protocol::name::{Name, UserName};
use pinlatch_protocol::panel::DeviceView;
use pinlatch_protocol::problem::{Code, Problem};

use crate::edge::api::Api;
use crate::explained::explained;

/// The maximum number of names that are listed.
const MOST: usize = 12;

/// Adds a suggestion to an error with the given code.
pub fn suggested<T>(result: Result<T>, code: Code, suggestion: impl FnOnce() -> Option<String>) -> Result<T> {
    result.map_err(|error| {
        let problem = error.downcast_ref::<Problem>().filter(|problem| problem.is(code)).cloned();
        let suggestion = problem.and_then(|problem| Some(explained(problem, suggestion()?)));
        suggestion.unwrap_or(error)
    })
}

/// Explains that a device does not exist.
pub fn device(api: &Api, wanted: &Name) -> Option<String> {
    let devices: Vec<DeviceView> = api.call(&Endpoint::ListDevices).ok()?;
    let names = devices.iter().map(|device| device.name.as_str()).collect();
    Some(unknown(&format!("the site has no device {wanted}"), wanted.as_str(), names))
}

/// Explains that a device has no line with this name.
pub fn line(api: &Api, device: &Name, wanted: &Name) -> Option<String> {
    let view: DeviceView = api.call(&Endpoint::ShowDevice { device: device.clone() }).ok()?;
    let names = view.lines.iter().map(|line| line.name.as_str()).collect();
    Some(unknown(&format!("{device} has no line {wanted}"), wanted.as_str(), names))
}

/// Explains that a person does not exist.
pub fn person(api: &Api, wanted: &UserName) -> Option<String> {
    let people: Vec<Person> = api.call(&Endpoint::ListPeople).ok()?;
    let names = people.iter().map(|person| person.username.as_str()).collect();
    Some(unknown(&format!("the site has no person {wanted}"), wanted.as_str(), names))
}

/// Explains that an API token or guest link does not exist. `wanted` can be the name of a token instead of its id.
pub fn token(api: &Api, wanted: &str) -> Option<String> {
    let tokens: Vec<TokenView> = api.call(&Endpoint::ListTokens).ok()?;
    let open = tokens.iter().filter(|token| token.revoked_ms.is_none());
    let choices = open.map(|token| Choice { id: &token.jti, name: &token.name }).collect();
    Some(unknown_id("no API token or guest link of the site has the id", wanted, choices))
}

/// Explains that an open invitation does not exist.
pub fn invitation(api: &Api, wanted: &str) -> Option<String> {
    let invitations: Vec<Invitation> = api.call(&Endpoint::ListInvitations).ok()?;
    let choices =
        invitations.iter().map(|open| Choice { id: &open.id, name: open.username.as_str() }).collect();
    Some(unknown_id("no open invitation has the id", wanted, choices))
}

/// Explains that an open enrolment string does not exist.
pub fn enrolment(api: &Api, wanted: &str) -> Option<String> {
    let enrolments: Vec<Enrolment> = api.call(&Endpoint::ListEnrolments).ok()?;
    let choices = enrolments.iter().map(|open| Choice { id: &open.id, name: open.device.as_str() }).collect();
    Some(unknown_id("no open enrolment string has the id", wanted, choices))
}

/// Explains that a login of a person does not exist.
pub fn login(api: &Api, username: &UserName, wanted: &str) -> Option<String> {
    let sessions: Vec<Session> = api.call(&Endpoint::ListSessions { username: username.clone() }).ok()?;
    let name = |session: &Session| session.client.clone().unwrap_or_default();
    let names: Vec<String> = sessions.iter().map(name).collect();
    let choices =
        sessions.iter().zip(&names).map(|(session, name)| Choice { id: &session.id, name }).collect();
    Some(unknown_id(&format!("no open login of {username} has the id"), wanted, choices))
}

/// Adds a suggestion to the error for a person who does not exist.
pub fn known_person<T>(api: &Api, username: &UserName, result: Result<T, Error>) -> Result<T> {
    suggested(result, Code::UnknownPerson, || person(api, username))
}

fn unknown(sentence: &str, wanted: &str, mut names: Vec<&str>) -> String {
    let question = nearest(wanted, &names).map_or_else(String::new, |near| format!("; did you mean {near}?"));
    let more = names.len().saturating_sub(MOST);
    names.truncate(MOST);
    let list = match (names.as_slice(), more) {
        ([], _) => "none that you can see".into(),
        (names, 0) => names.join(", "),
        (names, more) => format!("{} and {more} more", names.join(", ")),
    };
    let end = if question.is_empty() { ". " } else { " " };
    format!("{sentence}{question}{end}It has: {list}")
}

/// Something with an id, and the name by which people know it.
struct Choice<'a> {
    id: &'a str,
    name: &'a str,
}

fn unknown_id(sentence: &str, wanted: &str, choices: Vec<Choice>) -> String {
    let named: Vec<&str> = choices
        .iter()
        .filter(|choice| choice.name.eq_ignore_ascii_case(wanted))
        .map(|choice| choice.id)
        .collect();
    if let [first, others @ ..] = named.as_slice() {
        let more = if others.is_empty() { String::new() } else { format!(", {}", others.join(", ")) };
        return format!("{wanted} is a name; use the id: {first}{more}");
    }
    let ids: Vec<&str> = choices.iter().map(|choice| choice.id).collect();
    let near = nearest(wanted, &ids).and_then(|near| choices.iter().find(|choice| choice.id == near));
    if let Some(Choice { id, name }) = near {
        return format!("{sentence} {wanted}; did you mean {id} ({name})?");
    }
    let shown: Vec<String> =
        choices.iter().take(MOST).map(|Choice { id, name }| format!("{id} ({name})")).collect();
    let list = match choices.len().saturating_sub(MOST) {
        _ if shown.is_empty() => "There are none".into(),
        0 => format!("There are: {}", shown.join(", ")),
        more => format!("There are: {} and {more} more", shown.join(", ")),
    };
    format!("{sentence} {wanted}. {list}")
}

/// Returns the text that is most similar to `wanted`, if one is similar.
fn nearest<'a>(wanted: &str, texts: &[&'a str]) -> Option<&'a str> {
    let wanted = wanted.to_ascii_lowercase();
    let length = wanted.chars().count();
    let distance = |text: &str| strsim::damerau_levenshtein(&wanted, &text.to_ascii_lowercase());
    let most = (length / 3).max(1);
    let near = texts.iter().map(|text| (distance(text), *text)).filter(|(distance, _)| *distance <= most);
    // The beginning of a name is also similar to the name.
    let begun = || texts.iter().find(|text| length >= 2 && text.to_ascii_lowercase().starts_with(&wanted));
    near.min_by_key(|(distance, _)| *distance).map(|(_, text)| text).or_else(|| begun().copied())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typing_error_finds_the_nearest_name() {
        let lines = ["door", "lamp", "bell", "rose"];
        for (wanted, near) in [
            ("lmap", Some("lamp")),
            ("lamps", Some("lamp")),
            ("DOOR", Some("door")),
            ("be", Some("bell")),
            ("window", None),
            ("x", None),
        ] {
            assert_eq!(nearest(wanted, &lines), near, "{wanted}");
        }
    }

    #[test]
    fn an_unknown_name_is_answered_with_what_exists() {
        let lines = || vec!["door", "lamp", "bell", "rose"];
        assert_eq!(
            unknown("porch has no line lmap", "lmap", lines()),
            "porch has no line lmap; did you mean lamp? It has: door, lamp, bell, rose"
        );
        assert_eq!(
            unknown("porch has no line window", "window", lines()),
            "porch has no line window. It has: door, lamp, bell, rose"
        );
        assert!(
            unknown("the site has no device x", "x", Vec::new()).ends_with("It has: none that you can see")
        );
        let many = vec!["abc"; 20];
        assert!(unknown("none", "x", many).ends_with("abc and 8 more"));
    }

    #[test]
    fn an_id_is_suggested_for_a_name() {
        let choices =
            || vec![Choice { id: "NdS_XrBj", name: "Courier" }, Choice { id: "a1b2c3d4", name: "cron" }];
        assert_eq!(
            unknown_id("no token has the id", "courier", choices()),
            "courier is a name; use the id: NdS_XrBj"
        );
        assert_eq!(
            unknown_id("no token has the id", "a1b2c3d5", choices()),
            "no token has the id a1b2c3d5; did you mean a1b2c3d4 (cron)?"
        );
        assert_eq!(
            unknown_id("no token has the id", "zzz", choices()),
            "no token has the id zzz. There are: NdS_XrBj (Courier), a1b2c3d4 (cron)"
        );
        assert!(unknown_id("no token has the id", "zzz", Vec::new()).ends_with("There are none"));
    }
}
