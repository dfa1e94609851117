//! Results of commands, and problems.

use pinlatch_protocol::problem::{Code, Problem};

use crate::model::CommandOutcome;

/// Describes the result of a command. If the command failed, the text includes the next step.
pub fn outcome(outcome: &CommandOutcome) -> String {
    match outcome {
        CommandOutcome::Executed => "Done.".into(),
        CommandOutcome::Refused(code) => format!("The device refused the command: {}.", refusal(code)),
        CommandOutcome::Expired => {
            "The command was not executed, because its deadline passed. Try again if necessary.".into()
        }
        CommandOutcome::Unknown => {
            "The device did not answer. The command may have been executed. Check the line before you try again."
                .into()
        }
        CommandOutcome::NoAnswer => {
            "Pinlatch did not answer. The command may have been executed. Check the line before you try again."
                .into()
        }
        CommandOutcome::NotSent => {
            "The command was not sent, because the connection was lost. Try again after the page reconnects."
                .into()
        }
        CommandOutcome::NotArrived => {
            "The command did not reach Pinlatch, so the command was not executed. Try again.".into()
        }
        CommandOutcome::Offline => {
            "The device is offline, so the command was not executed. Check the device's power and network."
                .into()
        }
        CommandOutcome::Denied(problem) if problem.is(Code::InsufficientScope) => {
            "You do not have permission for this action. Ask an owner for access.".into()
        }
        CommandOutcome::Denied(problem) if problem.is(Code::Throttled) => match problem.retry_after {
            Some(seconds) => format!("Too many commands were sent. Try again in {seconds} s."),
            None => "Too many commands were sent. Try again in a moment.".into(),
        },
        CommandOutcome::Denied(problem) => sentence(problem),
    }
}

pub(super) fn refusal(code: &str) -> String {
    let words = match code {
        "refused_max_on" => "the requested time exceeds the limit of this line. Choose a shorter time",
        "refused_interlock" => {
            "an interlocked line is on, or was on a moment ago. Switch it off, then try again"
        }
        "refused_range" => "the position is outside the range of this line. Choose another position",
        "refused_min_interval" => {
            "the previous action on this line was too recent. Wait a moment, then try again"
        }
        "refused_busy" => "a pulse is already running. Wait until it has ended, then try again",
        "refused_stopping" => "the device is stopping or restarting. Try again in a minute",
        "refused_rule_rate" => "the rule has run too often. Wait a minute",
        "refused_authority" => "this line needs the key of a holder, which the panel does not have",
        "refused_challenge" => "the call came too late. Try again",
        "refused_many_calls" => "the device has received many calls. Try again in a minute",
        "refused_call" => "the call of the holder is invalid. Check the device's log for the reason",
        "refused_grant" => "the grant of the holder is invalid. Check the device's log for the reason",
        "refused_grant_expired" => "the grant has expired. Ask the owner for a new one",
        "refused_grant_early" => "the grant is not valid yet",
        "refused_grant_scope" => "the grant does not contain this action. Ask the owner for another one",
        "refused_revoked" => "the owner has revoked the grant",
        "refused_time_unknown" => {
            "the device does not know the time yet. Wait until it is connected, then try again"
        }
        "refused_replay" => "the device has already received this command. Send a new command",
        "refused_token" => {
            "the device could not verify the token of the command. Check the device's log for the reason"
        }
        "refused_unknown_line" => "the device has no line of this name. Reload the page",
        "refused_action" => "this line does not support the requested action. Choose another action",
        "refused_driver" => {
            "the device could not operate the hardware of this line. Check the wiring and the device's log"
        }
        _ => "",
    };
    match (words, code.strip_prefix("refused_")) {
        ("", Some(reason)) => reason.replace('_', " "),
        ("", None) => "the device gave no reason".into(),
        (words, _) => words.into(),
    }
}

/// Returns the value of the attribute `data-state`.
pub fn outcome_mark(outcome: &CommandOutcome) -> &'static str {
    match outcome {
        CommandOutcome::Executed => "idle",
        CommandOutcome::Refused(_) | CommandOutcome::Denied(_) => "refused",
        CommandOutcome::Expired | CommandOutcome::NotSent | CommandOutcome::NotArrived => "expired",
        CommandOutcome::Unknown | CommandOutcome::NoAnswer => "unknown",
        CommandOutcome::Offline => "offline",
    }
}

/// Explains why a login failed. The text includes the next step.
pub fn login_problem(problem: &Problem) -> String {
    if problem.is(Code::LoginFailed) {
        "The user name or password is wrong. Check both, then try again.".into()
    } else if problem.is(Code::PlaintextRefused) {
        "This page was opened over HTTP, which is not secure. Open this page with an https:// address.".into()
    } else if problem.is(Code::Throttled) {
        "There were too many attempts. Wait a moment, then try again.".into()
    } else if problem.is(Code::UnknownSite) {
        "No site exists at this address. Check the address.".into()
    } else if problem.status >= 500 && !problem.is(Code::IssuerUnavailable) {
        format!("{}. This is a server problem. Try again later, or ask an owner for help.", problem.title)
    } else {
        sentence(problem)
    }
}

/// Explains why a login with a login provider failed. Only known codes are shown, because any link can put an
/// arbitrary `code` into the page's URL.
pub fn provider_problem(code: &str) -> String {
    /// The code, the HTTP status and the title of a problem. A table of all codes would make the first page larger.
    const fn of(code: Code) -> (&'static str, u16, &'static str) {
        (code.as_str(), code.status(), code.title())
    }
    const REFUSED: (&str, u16, &str) = of(Code::LoginRefused);
    const OTHERS: [(&str, u16, &str); 7] = [
        of(Code::NotAdmitted),
        of(Code::IdentityTaken),
        of(Code::IssuerUnavailable),
        of(Code::Throttled),
        of(Code::UnknownSite),
        of(Code::Misconfigured),
        of(Code::Internal),
    ];
    let known = OTHERS.into_iter().find(|(known, ..)| *known == code);
    let (code, status, title) = known.unwrap_or(REFUSED);
    login_problem(&Problem {
        kind: String::new(),
        title: title.into(),
        status,
        code: code.into(),
        detail: None,
        id: None,
        retry_after: None,
        max_age: None,
    })
}

/// Returns the title of a problem for a response without a problem document, for example from a proxy.
pub fn server_answered(status: u16) -> String {
    format!("The server answered with the status {status}")
}

/// Describes a problem. If the title of a problem does not include the next step, `OWN` contains a specific text. The
/// other problems are described by their title and detail.
pub fn sentence(problem: &Problem) -> String {
    const OWN: [(&str, &str); 12] = [
        (
            Code::CodeRefused.as_str(),
            "The code is not valid. Check that you copied the whole code. A code works only once, and an invitation expires after 7 days.",
        ),
        (
            Code::AlreadySetUp.as_str(),
            "This site already has an owner. Log in, or ask the owner for an invitation.",
        ),
        (Code::LinkNotValid.as_str(), "This link is not valid now. Ask the sender for a new link."),
        (Code::UsedUp.as_str(), "This link has been used up. Ask the sender for a new link."),
        (
            Code::OtherLogin.as_str(),
            "Another person logged in to this site in this browser. Nothing was changed. Reload the page.",
        ),
        (Code::UnknownPerson.as_str(), "This person no longer exists. Reload the page."),
        (Code::UnknownToken.as_str(), "This token or link no longer exists. Reload the page."),
        (Code::LastOwner.as_str(), "A site needs at least one owner. Make another person an owner first."),
        (Code::LoginRefused.as_str(), "The login with the login provider did not succeed. Try again."),
        (
            Code::NotAdmitted.as_str(),
            "The login provider confirmed your identity, but you have no access to this site. Ask an owner to add you.",
        ),
        (
            Code::IdentityTaken.as_str(),
            "Another person of this site already uses this account at the login provider. Choose another account.",
        ),
        (Code::IssuerUnavailable.as_str(), "The login provider cannot be reached. Try again later."),
    ];
    match (OWN.iter().find(|(code, _)| problem.code == *code), &problem.detail) {
        (_, Some(detail)) if problem.is(Code::UsedUp) => {
            format!("This link has been used up: {detail}. Ask the sender for a new link.")
        }
        (Some((_, text)), _) => (*text).into(),
        (None, Some(detail)) => format!("{}: {detail}.", problem.title),
        (None, None) => format!("{}.", problem.title),
    }
}
