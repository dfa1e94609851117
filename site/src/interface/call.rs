//! Defines the calls from the Worker to a site, and the replies of the site. Calls and replies are sent as JSON.

use pinlatch_protocol::admin::{
    AdmitRequest, Enrolment, Invitation, IssueRequest, Person, RightsRequest, Session, TokenView,
};
use pinlatch_protocol::api::{self, SignedReading, Whoami};
use pinlatch_protocol::audit::{AuditFilter, AuditPage};
use pinlatch_protocol::command::{CommandRequest, CommandResult};
use pinlatch_protocol::name::{Name, UserName};
use pinlatch_protocol::panel::{DeviceView, LineView};
use pinlatch_protocol::problem::Problem;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::interface::principal::Principal;

/// A call whose reply has a known type. The structs in [`calls`] implement this trait.
pub trait SiteCall: Into<Call> {
    /// The type of the reply.
    type Reply;

    /// Extracts the reply. Returns `None` if the site replied to another call.
    fn extract(reply: Reply) -> Option<Self::Reply>;
}

/// A call of a principal. The call goes to the principal's site.
pub trait PrincipalCall: SiteCall {
    /// The caller.
    fn principal(&self) -> &Principal;
}

/// Defines the calls: for each call a variant of [`Call`], and a struct in [`calls`] with the type of the reply. A call
/// `by principal` has the principal as its first field.
macro_rules! calls {
    ($($(#[$doc:meta])* $name:ident $(by $by:ident)? { $($field:ident: $type:ty),* } -> $reply:ty, $pattern:pat => $value:expr;)*) => {
        /// A call from the Worker to a site. The Worker has verified all fields of the call. Fields named `…_at` and
        /// `…_exp` are times in seconds of Unix time, as in a token.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        #[allow(missing_docs, reason = "the comment of each variant explains the fields of the variant")]
        pub enum Call {
            $($(#[$doc])* $name { $($by: Principal,)? $($field: $type,)* },)*
        }

        impl Call {
            /// Returns the caller. A call without a principal has no caller that the site can count.
            pub fn principal(&self) -> Option<&Principal> {
                match self {
                    $(Self::$name { $($by,)? .. } => <[&Principal]>::first(&[$($by)?]).copied(),)*
                }
            }
        }

        /// The calls with the types of their replies.
        pub mod calls {
            use super::*;

            $(
                $(#[$doc])*
                #[derive(Debug, Clone)]
                #[allow(missing_docs, reason = "the comment of the call explains its fields")]
                pub struct $name { $(pub $by: Principal,)? $(pub $field: $type,)* }

                impl From<$name> for Call {
                    fn from($name { $($by,)? $($field,)* }: $name) -> Self {
                        Self::$name { $($by,)? $($field,)* }
                    }
                }

                impl SiteCall for $name {
                    type Reply = $reply;

                    fn extract(reply: Reply) -> Option<Self::Reply> {
                        match reply {
                            $pattern => Some($value),
                            _ => None,
                        }
                    }
                }

                $(
                    impl PrincipalCall for $name {
                        fn principal(&self) -> &Principal {
                            &self.$by
                        }
                    }
                )?
            )*
        }
    };
}

calls! {
    /// Returns the caller's identity and current permissions.
    Whoami by principal {  } -> api::Whoami, Reply::Whoami(whoami) => whoami;
    /// Returns the devices that have at least one GPIO line that the caller can see.
    Devices by principal {  } -> Vec<DeviceView>, Reply::Devices(devices) => devices;
    /// Returns one device.
    Device by principal { device: Name } -> DeviceView, Reply::Device(device) => device;
    /// Returns one GPIO line of a device.
    Line by principal { device: Name, line: Name } -> LineView, Reply::Line(line) => line;
    /// Asks the device for a signed reading of a GPIO line. The site answers later, with [`Answer::Asked`].
    ReadLine by principal { id: String, device: Name, line: Name, nonce: Option<String> } -> SignedReading, Reply::Reading(reading) => reading;
    /// Asks the device for a challenge. The site answers later, with [`Answer::Asked`].
    AskChallenge by principal { id: String, device: Name } -> api::DeviceChallenge, Reply::Challenge(challenge) => challenge;
    /// Runs one action on a GPIO line. The site answers later, with [`Answer::Pending`].
    Command by principal { request: CommandRequest } -> CommandResult, Reply::Command(result) => result;
    /// Returns the status of a command that the caller sent earlier.
    CommandStatus by principal { id: String } -> CommandResult, Reply::Command(result) => result;
    /// Registers a one-time code for the enrolment of a device. The reply is the expiry of the code.
    CreateEnrolment by principal { device: Name, code_id: String, expires_at: u64 } -> u64, Reply::Expiry(expires_at) => expires_at;
    /// Returns the open enrolment codes.
    Enrolments by principal {  } -> Vec<Enrolment>, Reply::Enrolments(enrolments) => enrolments;
    /// Withdraws an open enrolment code.
    WithdrawEnrolment by principal { id: String } -> (), Reply::Done => ();
    /// Uses an enrolment code. The site stores the device's public key with its thumbprint, and the id and the expiry of
    /// the device's certificate.
    Enrol { code_id: String, jwk: Value, jwk_thumbprint: String, cert_jti: String, cert_exp: u64 } -> Name, Reply::Enrolled { device } => device;
    /// Returns the public key and the identity of a device.
    DeviceKey by principal { device: Name } -> api::DeviceKey, Reply::DeviceKey(key) => key;
    /// Returns the rules of a device.
    DeviceRules by principal { device: Name } -> api::DeviceRules, Reply::DeviceRules(rules) => rules;
    /// Stores a device identity that the Worker has verified with the owner's root key.
    ConfirmDevice by principal { device: Name, thumbprint: String, identity: String } -> (), Reply::Done => ();
    /// Removes a device.
    RemoveDevice by principal { device: Name } -> (), Reply::Done => ();
    /// Checks that the site has no owner yet and that the setup code is unused. The Worker sends `SetupAllowed` before
    /// the Worker hashes a password.
    SetupAllowed { code_id: String } -> (), Reply::Done => ();
    /// Creates the first owner of the site, with a password that the gate has stored.
    Setup { code_id: String, username: UserName, password_id: String } -> (), Reply::Done => ();
    /// Starts a login. `password_ids` are the ids of the person's stored passwords that are equal to the password of
    /// the login.
    Login { username: UserName, password_ids: Vec<String>, new: NewLogin } -> LoggedIn, Reply::LoggedIn(login) => login;
    /// Proves with a password that the caller is still the person of the login. The login gets a new refresh token.
    Prove by principal { password_ids: Vec<String>, new: NewLogin } -> LoggedIn, Reply::LoggedIn(login) => login;
    /// Reports the number of logins that failed since the last report: for each account, and for all unknown user names
    /// together.
    LoginFailures { accounts: Vec<(UserName, u64)>, unknown: u64 } -> (), Reply::Done => ();
    /// Replaces the refresh token of a login. The Worker has decrypted the refresh token.
    Refresh { family: String, jti: String, next_jti: String, expires_at: u64 } -> LoggedIn, Reply::LoggedIn(login) => login;
    /// Ends the caller's token, and the login to which the token belongs.
    Logout by principal {  } -> (), Reply::Done => ();
    /// Ends a login whose access token has expired.
    LogoutFamily { family: String } -> (), Reply::Done => ();
    /// Invites a new person, or lets an existing person choose a new password. The reply is the expiry of the
    /// invitation.
    Invite by principal { username: UserName, rights: RightsRequest, code_id: String, expires_at: u64 } -> u64, Reply::Expiry(expires_at) => expires_at;
    /// Returns the open invitations.
    Invitations by principal {  } -> Vec<Invitation>, Reply::Invitations(invitations) => invitations;
    /// Withdraws an open invitation.
    WithdrawInvitation by principal { id: String } -> (), Reply::Done => ();
    /// Returns the user name in an invitation, and the id of the person's current password. The Worker sends `Invited`
    /// before the Worker hashes a password.
    Invited { code_id: String } -> (UserName, Option<String>), Reply::Invited { username, password_id } => (username, password_id);
    /// Uses an invitation, which creates a person or resets a password. The gate has stored the new password.
    AcceptInvitation { code_id: String, password_id: String } -> UserName, Reply::Accepted { username } => username;
    /// Lets a person log in with a login provider.
    Admit by principal { username: UserName, request: AdmitRequest } -> (), Reply::Done => ();
    /// Removes all of a person's identities at login providers.
    ForgetIdentities by principal { username: UserName } -> (), Reply::Done => ();
    /// Starts a login after a login provider has confirmed the person's identity. `email` is the person's email
    /// address, if the login provider has verified the address.
    FederatedLogin { issuer: String, subject: String, email: Option<String>, new: NewLogin } -> LoggedIn, Reply::LoggedIn(login) => login;
    /// Returns the people of the site.
    People by principal {  } -> Vec<Person>, Reply::People(people) => people;
    /// Changes a person's rights.
    ChangePerson by principal { username: UserName, rights: RightsRequest } -> (), Reply::Done => ();
    /// Removes a person.
    RemovePerson by principal { username: UserName } -> (), Reply::Done => ();
    /// Returns the open logins of a person.
    Sessions by principal { username: UserName } -> Vec<Session>, Reply::Sessions(sessions) => sessions;
    /// Ends one login of a person.
    EndSession by principal { username: UserName, id: String } -> (), Reply::Done => ();
    /// Ends every login of a person.
    EndSessions by principal { username: UserName } -> (), Reply::Done => ();
    /// Returns the id of the caller's current password.
    CurrentPassword by principal {  } -> Option<String>, Reply::Password(id) => id;
    /// Replaces the caller's password with a password that the gate has stored, and ends the person's other logins.
    /// `verified_ids` are the ids of the stored passwords that are equal to the current password in the request.
    ChangePassword by principal { verified_ids: Vec<String>, password_id: String } -> (), Reply::Done => ();
    /// Checks that the caller may secure their account now. The Worker sends `MaySecure` before it hashes a password.
    MaySecure by principal {  } -> UserName, Reply::Accepted { username } => username;
    /// Sets a new password of the caller that the gate has stored, and ends everything else of the caller's account.
    SecureAccount by principal { password_id: String } -> (), Reply::Done => ();
    /// Issues an API token or a guest link.
    Issue by principal { request: IssueRequest, jti: String } -> (TokenView, u64), Reply::Issued { token, generation } => (token, generation);
    /// Returns the API tokens and guest links that the site has issued.
    Tokens by principal {  } -> Vec<TokenView>, Reply::Tokens(tokens) => tokens;
    /// Revokes a token. If the site did not issue the token, the call must contain the expiry of the token.
    Revoke by principal { jti: String, exp: Option<u64> } -> (), Reply::Done => ();
    /// Checks that a guest link can be exchanged for a cookie now.
    ExchangeGuest { jti: String } -> TokenView, Reply::Token(token) => token;
    /// Invalidates every token that the edge has signed for this site until now.
    RaiseGeneration by principal {  } -> u64, Reply::Generation(generation) => generation;
    /// Returns one page of the audit log, with the newest entry first.
    Audit by principal { filter: AuditFilter, limit: u32 } -> AuditPage, Reply::Audit(page) => page;
    /// Sets how long audit entries are stored.
    Retain by principal { days: u32 } -> (), Reply::Done => ();
}

/// A login that starts, or a new proof of a person's identity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewLogin {
    /// The id of the login, which is also the id of its chain of refresh tokens.
    pub family: String,
    /// The id of the first refresh token.
    pub refresh_jti: String,
    /// The expiry of the refresh token, in seconds of Unix time. The site can set an earlier expiry.
    pub expires_at: u64,
    /// When the person proved their identity, in seconds of Unix time.
    pub auth_time: u64,
    /// The name of the browser or program that logs in.
    pub client: Option<String>,
    /// The id of an open login. If this login is open and belongs to the same person, the site renews its proof and its
    /// refresh token, and starts no other login.
    pub renews: Option<String>,
}

/// A login, with the data for its access token and its refresh token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoggedIn {
    /// The user name of the person.
    pub username: UserName,
    /// The generation that the Worker must sign into the access token.
    pub generation: u64,
    /// The id of the login.
    pub family: String,
    /// The id of the current refresh token.
    pub refresh_jti: String,
    /// The expiry of the current refresh token, in seconds of Unix time.
    pub expires_at: u64,
    /// When the person last proved their identity, in seconds of Unix time.
    pub auth_time: Option<u64>,
}

/// A reply of the site to a call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the comment of each variant explains the fields of the variant")]
pub enum Reply {
    /// The reply to [`Call::Whoami`].
    Whoami(Whoami),
    /// The reply to [`Call::Devices`].
    Devices(Vec<DeviceView>),
    /// The reply to [`Call::Device`].
    Device(DeviceView),
    /// The reply to [`Call::Line`].
    Line(LineView),
    /// The reply to [`Call::Command`] after the command was executed, and the reply to
    /// [`Call::CommandStatus`] with any status.
    Command(CommandResult),
    /// The reply to [`Call::ReadLine`].
    Reading(SignedReading),
    /// The reply to [`Call::AskChallenge`].
    Challenge(api::DeviceChallenge),
    /// The reply to [`Call::DeviceKey`].
    DeviceKey(api::DeviceKey),
    /// The reply to [`Call::DeviceRules`].
    DeviceRules(api::DeviceRules),
    /// The reply to [`Call::CreateEnrolment`] and [`Call::Invite`]: the expiry of the code, in seconds of Unix time.
    Expiry(u64),
    /// The reply to [`Call::Enrolments`].
    Enrolments(Vec<Enrolment>),
    /// The reply to [`Call::Invitations`].
    Invitations(Vec<Invitation>),
    /// The reply to [`Call::Sessions`].
    Sessions(Vec<Session>),
    /// The reply to [`Call::Enrol`].
    Enrolled { device: Name },
    /// The reply to [`Call::Login`], [`Call::FederatedLogin`], [`Call::Prove`] and [`Call::Refresh`].
    LoggedIn(LoggedIn),
    /// The reply to [`Call::Invited`], with the id of the person's current password.
    Invited { username: UserName, password_id: Option<String> },
    /// The reply to [`Call::AcceptInvitation`] and [`Call::MaySecure`].
    Accepted { username: UserName },
    /// The reply to [`Call::CurrentPassword`], with the id of the password.
    Password(Option<String>),
    /// The reply to [`Call::People`].
    People(Vec<Person>),
    /// The reply to [`Call::Issue`], with the data of the token and the generation that the Worker must sign into the
    /// token.
    Issued { token: TokenView, generation: u64 },
    /// The reply to [`Call::ExchangeGuest`].
    Token(TokenView),
    /// The reply to [`Call::Tokens`].
    Tokens(Vec<TokenView>),
    /// The reply to [`Call::RaiseGeneration`].
    Generation(u64),
    /// The reply to [`Call::Audit`].
    Audit(AuditPage),
    /// The reply to every call that returns no data.
    Done,
}

/// The result of a call: the site's reply, or a problem.
pub type CallResult = Result<Reply, Problem>;

/// The site's reply, or a ticket if the site replies later.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// The site replies immediately.
    Now(Reply),
    /// The site replies later with the effect `Effect::Answer`, which contains the ticket. Several calls can
    /// wait for the same ticket.
    Pending {
        /// The ticket, which is the sequence number of the command.
        ticket: i64,
    },
    /// The site has asked a device, and replies later with the effect `Effect::Answered`, which contains the device and
    /// the id of the question.
    Asked {
        /// The device that the site has asked.
        device: Name,
        /// The id of the question.
        id: String,
    },
}
