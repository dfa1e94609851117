//! Refuses new passwords that an attacker guesses first.

use pinlatch_protocol::api::{MAX_PASSWORD, MIN_PASSWORD, Secret};
use pinlatch_protocol::name::UserName;
use pinlatch_protocol::problem::{Code, Problem};

/// The most common passwords in lower case, one per line.
const COMMON: &str = include_str!("common-passwords.txt");

/// Checks a new password of a person. NIST SP 800-63B recommends a minimum length and a list of refused passwords
/// instead of rules about the characters.
pub fn require_acceptable(password: &Secret, username: &UserName) -> Result<(), Problem> {
    let password = password.expose();
    if password.chars().count() < MIN_PASSWORD || password.len() > MAX_PASSWORD {
        let text = format!(
            "`password` must have at least {MIN_PASSWORD} characters and at most {MAX_PASSWORD} bytes"
        );
        return Err(Problem::new(Code::InvalidRequest).detail(text));
    }
    let password = password.to_lowercase();
    let reason = if COMMON.lines().any(|common| common == password) {
        "it is one of the most common passwords, which attackers try first"
    } else if is_derived(&password, username.as_str()) {
        "it is your user name with few changes"
    } else if is_derived(&password, "pinlatch") {
        "it is the name of this program with few changes"
    } else {
        return Ok(());
    };
    let text = format!("{reason}; choose another password, for example several random words");
    Err(Problem::new(Code::PasswordRefused).detail(text))
}

/// Returns whether a password consists of a name, which can be repeated or reversed, and of only a few digits or
/// symbols.
fn is_derived(password: &str, name: &str) -> bool {
    let reversed: String = name.chars().rev().collect();
    let rest = password.replace(name, "").replace(&reversed, "");
    rest.len() < password.len()
        && rest.chars().count() < MIN_PASSWORD
        && !rest.chars().any(char::is_alphabetic)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(password: &str, username: &str) -> Option<(String, String)> {
        let username = UserName::new(username).unwrap();
        let problem = require_acceptable(&Secret::new(password), &username).err()?;
        assert_eq!(problem.status, 400);
        Some((problem.code, problem.detail.unwrap()))
    }

    #[test]
    fn common_passwords_are_refused_in_any_case() {
        for password in ["password", "PassWord", "12345678", "Qwertyuiop", "iloveyou", "trustno1"] {
            let (code, detail) = reason(password, "ann").expect(password);
            assert_eq!(code, "password_refused");
            assert!(detail.contains("most common") && detail.contains("choose another"), "{detail}");
        }
    }

    #[test]
    fn a_user_name_is_no_password() {
        for (password, username) in [
            ("annabella", "annabella"),
            ("AnnaBella1987!", "annabella"),
            ("allebanna", "annabella"),
            ("annannann", "ann"),
            ("ann-nna-2024", "ann"),
            ("ann@home.example", "ann@home.example"),
            ("pinlatch1", "ann"),
        ] {
            let (code, detail) = reason(password, username).expect(password);
            assert_eq!(code, "password_refused");
            assert!(detail.contains("name"), "{detail}");
        }
    }

    #[test]
    fn other_passwords_are_accepted() {
        for (password, username) in [
            ("correct horse battery", "ann"),
            ("annabella likes pears", "annabella"),
            ("ann 739201846552", "ann"),
            ("7392018465", "a"),
            ("Jürgen isst Äpfel", "jurgen"),
        ] {
            assert_eq!(reason(password, username), None, "{password}");
        }
    }

    #[test]
    fn the_length_is_limited() {
        for password in ["short", &"x".repeat(MAX_PASSWORD + 1)] {
            assert_eq!(reason(password, "ann").unwrap().0, "invalid_request");
        }
    }

    #[test]
    fn the_list_is_in_lower_case_and_has_no_duplicates() {
        let words: Vec<&str> = COMMON.lines().filter(|line| !line.starts_with("# ")).collect();
        assert_eq!(words.len(), 5_000);
        assert!(words.iter().all(|word| word.len() >= MIN_PASSWORD && *word == word.to_lowercase()));
        assert!(words.is_sorted_by(|one, next| one < next));
    }
}
