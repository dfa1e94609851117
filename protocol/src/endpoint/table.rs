//! The table of all endpoints. `cargo test -p pinlatch-protocol openapi` writes `edge-worker/openapi.json` from the
//! table.
//!
//! The doc comment of an entry has the summary as its first paragraph, and the description as its other paragraphs.
//! `codes` lists only the problem codes that do not follow from the other members. For a path that is also the value of
//! a parameter, the entry without the parameter comes first.

use super::declare::{Body, Entry, endpoints};
use super::segment::Parameter;
use crate::name::{Name, UserName};

#[cfg(test)]
use super::operation::{Caller, Operation, Tag};
#[cfg(test)]
use crate::{
    admin::*,
    agent::{FromAgent, ToAgent},
    api::*,
    audit::*,
    command::CommandResult,
    line::schemas::Arguments,
    panel::{DeviceView, FromPanel, LineView, ToPanel},
    problem::Code,
    schema::{Empty, JwkSet, OneOf, SchemaOf, schema_of},
};

endpoints! {
    /// Checks that the edge is running, and returns its version.
    Health = GET "/healthz" {
        tag: Edge,
        caller: Anyone,
        reply: 200 (Health) "The edge is running. A call of `/healthz` does not check the configuration of the edge.",
    }

    /// Returns the edge's public keys.
    Jwks = GET "/.well-known/jwks.json" {
        tag: Edge,
        caller: Anyone,
        reply: 200 (JwkSet) "The edge's public keys, as a JWK Set (RFC 7517).",
    }

    /// Returns the OpenAPI document of the API.
    Openapi = GET "/api/v1/openapi.json" {
        tag: Edge,
        caller: Anyone,
        reply: 200 "An OpenAPI document, version 3.1.",
        more: { "responses": { "200": { "content": { "application/openapi+json": { "schema": {
            "type": "object",
            "required": ["openapi", "info", "paths"],
            "properties": { "openapi": { "type": "string", "pattern": "^3\\.1\\." } }
        } } } } } },
    }

    /// Returns the state of a browser's session.
    ///
    /// The panel calls `GET /session` first. If the browser has no session, the response is still 200 and not an error.
    /// A browser can have one login and one guest link for each site. With `as=guest`, the response describes the guest
    /// link instead of the login.
    ShowBrowserSession = GET "/api/v1/session" {
        tag: Login,
        caller: AnyBrowser,
        parameters: [As, Site, PageSubject],
        reply: 200 (SessionStatus) "The state of the browser's session.",
        codes: [UnknownSite, OtherLogin],
    }

    /// Logs a browser in, or exchanges a guest link for a cookie.
    ///
    /// The tokens are returned as cookies that scripts in a web page cannot read. A browser can have a guest cookie and
    /// a login cookie for each site. A browser can have cookies for at most 4 sites, with at most 12 KiB. Beyond these
    /// limits, the response clears the cookies of the site whose login was refreshed the longest time ago.
    LogInBrowser = POST "/api/v1/session" {
        tag: Login,
        caller: Anyone,
        secret: true,
        parameters: [Origin],
        body: Json(OneOf<LoginRequest, GuestRequest>),
        reply: 200 (OneOf<SessionReply, GuestReply>) "The browser is logged in, or the guest cookie is set.",
        codes: [LoginFailed, InvalidToken, LinkNotValid, UsedUp, UnknownSite, Throttled],
        more: { "responses": { "200": { "headers": { "Set-Cookie": { "$ref": "#/components/headers/SetCookie" } } } } },
    }

    /// Logs a browser out.
    ///
    /// This call ends the login of the cookie or bearer token in the request, and clears the login cookies of the same
    /// site. Logins at other sites continue. With `as=guest`, only the guest cookie of this browser is cleared, and the
    /// guest link stays valid. If there is no login, the call also succeeds.
    LogOutBrowser = DELETE "/api/v1/session" {
        tag: Login,
        caller: AnyLogin,
        parameters: [CookieOrigin, As, PageSite, PageSubject],
        reply: 204 "The login has ended, and the cookies are cleared.",
        codes: [InvalidRequest, WrongOrigin, UnknownSite, OtherLogin, Throttled],
        more: { "responses": { "204": { "headers": { "Set-Cookie": { "$ref": "#/components/headers/SetCookie" } } } } },
    }

    /// Refreshes a browser's session.
    ///
    /// A refresh token is valid for one use. If the same refresh token is used again more than 10 s later, the login
    /// ends.
    RefreshBrowser = POST "/api/v1/session/refresh" {
        tag: Login,
        caller: RefreshCookie,
        secret: true,
        parameters: [Origin, PageSite, PageSubject],
        body: Json(Empty),
        reply: 200 (SessionReply) "The session is refreshed, and the response contains new cookies.",
        codes: [InvalidGrant, UnknownSite, OtherLogin],
        more: {
            "requestBody": { "description": "Any JSON object, for example `{}`. The JSON body is required, because a form on another web page cannot send JSON." },
            "responses": { "200": { "headers": { "Set-Cookie": { "$ref": "#/components/headers/SetCookie" } } } }
        },
    }

    /// Proves with a password that the caller is still the person of the login (RFC 9470).
    ///
    /// Some requests would outlive a stolen login, for example a request that makes an owner. Such a request needs a
    /// proof that is at most 5 minutes old, and is otherwise answered with 401 `insufficient_user_authentication`. A
    /// proof replaces the access token and the refresh token of the login at once, so a stolen copy of them stays
    /// without the proof. A person without a password logs in again with their login provider instead. A request with
    /// a cookie gets cookies, and a request with a bearer token gets tokens.
    ProveIdentity = POST "/api/v1/session/proof" {
        tag: Login,
        caller: Token,
        secret: true,
        body: Json(ProofRequest),
        reply: 200 (OneOf<SessionReply, TokenReply>) "The proof is accepted, and the tokens are replaced.",
        codes: [LoginFailed, PersonRequired],
    }

    /// Logs a program in, or refreshes its tokens (RFC 6749 §4.3, §6).
    LogIn = POST "/api/v1/token" {
        tag: Login,
        caller: Anyone,
        secret: true,
        body: JsonOrForm(TokenRequest),
        reply: 200 (TokenReply) "The new access token and the new refresh token.",
        codes: [InvalidGrant, UnsupportedGrant, LoginFailed, UnknownSite, Throttled],
    }

    /// Returns the claims and the current permissions of the caller's token.
    Whoami = GET "/api/v1/whoami" {
        tag: Login,
        caller: Token,
        reply: 200 (Whoami) "The token is valid. The response contains the claims and the permissions of the token.",
    }

    /// Lists the devices that the caller can see, sorted by name.
    ListDevices = GET "/api/v1/devices" {
        tag: Devices,
        caller: Token,
        reply: 200 (Vec<DeviceView>) "The devices that the caller can see. Each device contains the GPIO lines that the caller can read.",
    }

    /// Returns one device.
    ShowDevice { device: Name } = GET "/api/v1/devices/{device}" {
        tag: Devices,
        caller: Token,
        reply: 200 (DeviceView) "The requested device, with the GPIO lines that the caller can read.",
        codes: [UnknownDevice],
    }

    /// Returns the public key of a device, and its device identity if the owner has confirmed the device.
    ///
    /// Every caller that can see the device can read its public key. The edge only passes the device identity on, and
    /// cannot make one. Verify it with the owner's root key.
    ShowDeviceKey { device: Name } = GET "/api/v1/devices/{device}/key" {
        tag: Devices,
        caller: Token,
        reply: 200 (DeviceKey) "The key of the device.",
        codes: [UnknownDevice],
    }

    /// Returns the rules of a device, as the device last reported them.
    ///
    /// A device runs its rules itself, also without a connection to the edge. The rules are in the configuration file of
    /// the device, and the edge cannot change them. This call requires the right to read all lines of the device
    /// (`line:DEVICE/*:read`), or the scope `site:devices`.
    ShowDeviceRules { device: Name } = GET "/api/v1/devices/{device}/rules" {
        tag: Devices,
        caller: Token,
        reply: 200 (DeviceRules) "The rules of the device.",
        codes: [InsufficientScope, UnknownDevice],
    }

    /// Stores the device identity (`device+jwt`) that the owner's root key signed after the owner had compared the
    /// device's key with the device.
    ///
    /// This call requires the scope `site:devices` and all scopes of the device. `pinlatch device confirm` makes and
    /// sends a device identity. The edge refuses an identity that does not belong to the enrolled key of the device.
    /// Enrolling the device again with a new key removes the stored identity.
    ConfirmDevice { device: Name } = PUT "/api/v1/devices/{device}/key" {
        tag: Devices,
        caller: Token,
        body: Json(ConfirmRequest),
        reply: 204 "The device identity is stored.",
        codes: [UnknownDevice, IdentityRefused],
    }

    /// Removes a device, and refuses the certificate of the device from then on.
    ///
    /// This call requires the scope `site:devices`.
    RemoveDevice { device: Name } = DELETE "/api/v1/devices/{device}" {
        tag: Devices,
        caller: Token,
        reply: 204 "The device is removed.",
        codes: [InsufficientUserAuthentication, PersonRequired, UnknownDevice],
    }

    /// Returns one GPIO line of a device.
    ///
    /// This call requires the scope `line:DEVICE/LINE:read`. Every other verb on the same GPIO line includes `read`.
    ShowLine { device: Name, line: Name } = GET "/api/v1/devices/{device}/lines/{line}" {
        tag: Devices,
        caller: Token,
        reply: 200 (LineView) "The requested GPIO line.",
        codes: [InsufficientScope, UnknownDevice, UnknownLine],
    }

    /// Asks the device for a signed reading of a GPIO line, and waits for the answer.
    ///
    /// This call requires the scope `line:DEVICE/LINE:read`. The device signs the reading with its own key, so everyone
    /// with the owner's public root key and the device's identity can verify the reading without the edge. The edge
    /// waits at most [`READING_LIMIT_MS`] for the answer. One caller can ask about 10 times per second, and a guest link
    /// once per second. After a pause, more questions are possible at once.
    ReadLine { device: Name, line: Name } = GET "/api/v1/devices/{device}/lines/{line}/reading" {
        tag: Devices,
        caller: Token,
        parameters: [Nonce],
        reply: 200 (SignedReading) "The level of the line, signed by the device.",
        codes: [
            InvalidRequest, InsufficientScope, UnknownDevice, UnknownLine, LevelUnknown, DeviceOffline, DeviceSilent
        ],
    }

    /// Asks the device for a challenge, and waits for the answer.
    ///
    /// A holder needs a challenge for a call on a line with the setting `authority = "holder"`. The caller must have a
    /// right to an action on a line of the device. The edge waits at most [`READING_LIMIT_MS`] for the answer. The limits
    /// of signed readings apply to challenges too.
    AskChallenge { device: Name } = POST "/api/v1/devices/{device}/challenge" {
        tag: Devices,
        caller: Token,
        reply: 200 (DeviceChallenge) "The challenge of the device.",
        codes: [UnknownDevice, NoHolderLines, DeviceOffline, DeviceSilent],
    }

    /// Runs one action on a GPIO line, and waits for the result.
    ///
    /// A line with the setting `authority = "holder"` also needs the call of a holder and the holder's grant, in the headers
    /// `Pinlatch-Call` and `Pinlatch-Grant`. This call requires the scope `line:DEVICE/LINE:ACTION`. A command runs at most once, and never after its
    /// deadline. If the same caller repeats an `Idempotency-Key` within 24 hours, the edge returns or awaits the result
    /// of the first call. A problem about a command contains the id of the command in `id`.
    RunAction { device: Name, line: Name, action: String } = POST "/api/v1/devices/{device}/lines/{line}/{action}" {
        tag: Devices,
        caller: Token,
        parameters: [DeadlineMs, IdempotencyKey, HolderCall, HolderGrant],
        body: OptionalJsonOrTokenForm(Arguments),
        reply: 200 (CommandResult) "The device executed the command.",
        codes: [
            UsedUp, UnknownDevice, UnknownLine, IdConflict, Refused, ActionUnsupported, InvalidArguments,
            DeviceOffline, DeadlinePassed, OutcomeUnknown
        ],
        more: {
            "requestBody": { "description": "The arguments of the action. An empty body has the same meaning as `{}`." },
            "responses": { "200": { "links": { "became": {
                "operationId": "showCommand",
                "parameters": { "id": "$response.body#/id" },
                "description": "The status of the command, which is available for 24 hours."
            } } } }
        },
    }

    /// Returns the status of a command that the caller sent in the last 24 hours.
    ShowCommand { id: String } = GET "/api/v1/commands/{id}" {
        tag: Devices,
        caller: Token,
        reply: 200 (CommandResult) "The requested command, with any status.",
        codes: [UnknownCommand],
    }

    /// Lists the people of the site, sorted by name.
    ///
    /// This call requires the scope `site:users`.
    ListPeople = GET "/api/v1/users" {
        tag: People,
        caller: Token,
        reply: 200 (Vec<Person>) "The people of the site.",
        codes: [InsufficientScope],
    }

    /// Invites a person, or lets an existing person choose a new password.
    ///
    /// This call requires the scope `site:users` and all permissions of the invited person. The invitation code is
    /// valid for one use within 7 days.
    Invite = POST "/api/v1/users" {
        tag: People,
        caller: Token,
        body: JsonOrTokenForm(InviteRequest),
        reply: 200 (InviteReply) "The invitation code. No later response contains the invitation code again.",
        codes: [InsufficientUserAuthentication, PersonRequired],
    }

    /// Returns the user name in an invitation.
    ///
    /// The invited person needs the user name to log in. The call changes nothing.
    ShowInvitation = POST "/api/v1/users/invited" {
        tag: People,
        caller: Anyone,
        secret: true,
        body: Json(InvitedRequest),
        reply: 200 (InvitedReply) "The invitation can be used now.",
        codes: [CodeRefused, UnknownSite],
    }

    /// Uses an invitation to set a password.
    ///
    /// A refused request changes nothing. If several requests use the same invitation, only one of them succeeds.
    AcceptInvitation = POST "/api/v1/users/accept" {
        tag: People,
        caller: Anyone,
        secret: true,
        body: Json(AcceptRequest),
        reply: 200 (AcceptReply) "The person can log in now. Earlier logins of the person have ended.",
        codes: [PasswordRefused, CodeRefused, UnknownSite, Throttled],
    }

    /// Lists the open invitations, sorted by user name.
    ///
    /// This call requires the scope `site:users`.
    ListInvitations = GET "/api/v1/invitations" {
        tag: People,
        caller: Token,
        reply: 200 (Vec<Invitation>) "The open invitations. The response does not contain the invitation codes.",
        codes: [InsufficientScope],
    }

    /// Withdraws an open invitation.
    ///
    /// This call requires the scope `site:users` and all permissions that the invitation gives.
    WithdrawInvitation { id: String } = DELETE "/api/v1/invitations/{id}" {
        tag: People,
        caller: Token,
        reply: 204 "The invitation can no longer be used.",
        codes: [UnknownCode],
    }

    /// Changes a person's permissions immediately, also for open WebSockets.
    ///
    /// This call requires the scope `site:users`, and all permissions that the person has before and after the change.
    ChangePerson { username: UserName } = PATCH "/api/v1/users/{username}" {
        tag: People,
        caller: Token,
        body: Json(RightsRequest),
        reply: 204 "The permissions of the person are changed.",
        codes: [InsufficientUserAuthentication, PersonRequired, UnknownPerson, LastOwner],
    }

    /// Removes a person, the person's logins, and the tokens that the person issued.
    ///
    /// This call requires the scope `site:users` and all permissions of the person.
    RemovePerson { username: UserName } = DELETE "/api/v1/users/{username}" {
        tag: People,
        caller: Token,
        reply: 204 "The person is removed.",
        codes: [InsufficientUserAuthentication, PersonRequired, UnknownPerson, LastOwner],
    }

    /// Lets a person log in with a login provider.
    ///
    /// This call requires the scope `site:users` and all permissions of the person. For a new person, the request must
    /// contain `role` or `scope`. For an existing person, the request must contain neither `role` nor `scope`, and only
    /// the identity is added.
    AdmitPerson { username: UserName } = PUT "/api/v1/users/{username}/identities" {
        tag: People,
        caller: Token,
        body: Json(AdmitRequest),
        reply: 204 "The person can log in with this identity at the login provider.",
        codes: [InsufficientUserAuthentication, PersonRequired, IdentityTaken],
    }

    /// Removes all of a person's identities at login providers, and ends the person's logins.
    ForgetIdentities { username: UserName } = DELETE "/api/v1/users/{username}/identities" {
        tag: People,
        caller: Token,
        reply: 204 "The identities of the person are removed.",
        codes: [InsufficientUserAuthentication, PersonRequired, UnknownPerson],
    }

    /// Lists the login providers of a site.
    ListLogins = GET "/api/v1/logins" {
        tag: Login,
        caller: Anyone,
        parameters: [Site],
        reply: 200 (Vec<LoginOption>) "The login providers of the site.",
        codes: [UnknownSite],
    }

    /// Redirects the browser to a login provider.
    ///
    /// This call starts the OpenID Connect authorization code flow with PKCE. A cookie stores the encrypted state of
    /// the login for ten minutes.
    StartLogin { provider: Name } = GET "/api/v1/logins/{provider}" {
        tag: Login,
        caller: Anyone,
        reply: 303 "A redirect to the login provider.",
        codes: [PlaintextRefused, IssuerUnavailable],
        more: { "responses": { "303": { "headers": { "Location": { "schema": { "format": "uri" } } } } } },
    }

    /// Completes a login with a login provider.
    ///
    /// The login provider redirects the browser to this path. The edge then redirects the browser to the panel. The
    /// redirect contains the session cookies, or an error code in the query parameter `login_error`. Examples of error
    /// codes are `login_refused`, `not_admitted` and `issuer_unavailable`.
    FinishLogin { provider: Name } = GET "/api/v1/logins/{provider}/callback" {
        tag: Login,
        caller: Anyone,
        parameters: [Code, State, Iss],
        reply: 303 "A redirect to the panel.",
    }

    /// Lists the open logins of a person, with the last used first.
    ///
    /// A person can list their own logins. To list the logins of another person, the caller needs the scope
    /// `site:users` and all permissions of the other person.
    ListSessions { username: UserName } = GET "/api/v1/users/{username}/sessions" {
        tag: People,
        caller: Token,
        reply: 200 (Vec<Session>) "The open logins of the person.",
        codes: [InsufficientScope, UnknownPerson],
    }

    /// Ends one login of a person.
    ///
    /// A person can end their own logins. To end a login of another person, the caller needs the scope `site:users` and
    /// all permissions of the other person.
    EndSession { username: UserName, id: String } = DELETE "/api/v1/users/{username}/sessions/{id}" {
        tag: People,
        caller: Token,
        reply: 204 "The login has ended.",
        codes: [UnknownPerson, UnknownSession],
    }

    /// Ends every login of a person.
    ///
    /// A person can end their own logins. To end the logins of another person, the caller needs the scope `site:users`
    /// and all permissions of the other person. The person can log in again with their password.
    EndSessions { username: UserName } = DELETE "/api/v1/users/{username}/sessions" {
        tag: People,
        caller: Token,
        reply: 204 "All logins of the person have ended.",
        codes: [UnknownPerson],
    }

    /// Changes the caller's password and ends the caller's other logins.
    ///
    /// If the password was changed or reset while the request was handled, the response is 401 `login_failed`.
    ChangePassword { username: UserName } = POST "/api/v1/users/{username}/password" {
        tag: People,
        caller: Token,
        secret: true,
        body: Json(PasswordRequest),
        reply: 204 "The password is changed, and the caller's other logins have ended.",
        codes: [PasswordRefused, LoginFailed],
    }

    /// Sets a new password of the caller, and ends everything that was arranged with the caller's account.
    ///
    /// This call needs a new proof of the person's identity. All logins, API tokens, guest links, invitations and
    /// enrolment codes of the person end, and so does everything that was issued with these tokens. All identities at
    /// login providers are removed. This call is for a person whose phone, password or login was stolen.
    SecureAccount { username: UserName } = POST "/api/v1/users/{username}/secure" {
        tag: People,
        caller: Token,
        secret: true,
        body: Json(SecureRequest),
        reply: 204 "The password is set, and everything else of the account has ended. The person can log in again.",
        codes: [PasswordRefused, InsufficientUserAuthentication, PersonRequired],
    }

    /// Lists API tokens and guest links, with the newest first.
    ///
    /// This call requires the scope `site:tokens`. A token is listed until 7 days after the expiry of the token.
    ListTokens = GET "/api/v1/tokens" {
        tag: Tokens,
        caller: Token,
        reply: 200 (Vec<TokenView>) "The properties of the API tokens and guest links. The response does not contain the signed tokens.",
        codes: [InsufficientScope],
    }

    /// Issues an API token or a guest link.
    ///
    /// This call requires the scope `site:tokens` and all permissions of the new token. At each use, the permissions of
    /// the new token are limited to the current permissions of its issuer.
    MintToken = POST "/api/v1/tokens" {
        tag: Tokens,
        caller: Token,
        body: JsonOrTokenForm(IssueRequest),
        reply: 200 (IssueReply) "The token is issued. No later response contains the signed token again.",
        codes: [InsufficientUserAuthentication, PersonRequired],
    }

    /// Revokes a token, and all tokens that were issued with this token.
    ///
    /// This call requires the scope `site:tokens`. To revoke an API token or a guest link, the caller also needs all
    /// permissions of the token. Any other token belongs to a login or to an external issuer. To revoke any other
    /// token, the caller passes the `jti` of the token, and the `exp` of the token as `expires_at`.
    RevokeToken { jti: String } = DELETE "/api/v1/tokens/{jti}" {
        tag: Tokens,
        caller: Token,
        parameters: [ExpiresAt],
        reply: 204 "The token is revoked.",
        codes: [InvalidRequest, UnknownToken],
    }

    /// Ends all logins, tokens and one-time codes of the site, as an emergency stop.
    ///
    /// This call requires the role `owner`. All logins, API tokens, guest links, invitations and enrolment codes of the
    /// site end. People, their passwords and identities, and devices stay. A JSON body is ignored.
    RaiseGeneration = POST "/api/v1/generation" {
        tag: Tokens,
        caller: Token,
        body: TokenForm(Empty),
        reply: 200 (Generation) "The new generation of the site. Tokens with a lower generation are invalid.",
        codes: [InsufficientUserAuthentication, PersonRequired],
    }

    /// Returns the audit log, with the newest entry first.
    ///
    /// This call requires the scope `site:audit`. If `Accept` contains `application/jsonl`, the response is an export
    /// of up to about 20 000 entries. An export ignores `limit`. To export older entries, the caller passes the number
    /// of the last exported entry in `before`. Without `application/jsonl`, the response is one page.
    ReadAudit = GET "/api/v1/audit" {
        tag: Audit,
        caller: Token,
        parameters: [Before, Limit, Actor, Act, Target, About, Outcome, SinceMs, UntilMs],
        reply: 200 (AuditPage) "The audit entries that match the query parameters.",
        codes: [InvalidRequest, InsufficientScope],
        more: { "responses": { "200": { "content": { "application/jsonl": {
            "schema": { "type": "string", "description": "One `AuditEntry` per line of text, as JSON." }
        } } } } },
    }

    /// Sets how long audit entries are stored.
    ///
    /// This call requires the scope `site:audit` and the role `owner`.
    RetainAudit = PUT "/api/v1/audit/retention" {
        tag: Audit,
        caller: Token,
        body: Json(RetentionRequest),
        reply: 204 "The retention time of audit entries is set.",
        codes: [InsufficientUserAuthentication, PersonRequired],
    }

    /// Creates the first owner of a site, which is possible only once.
    SetUp = POST "/api/v1/setup" {
        tag: Arrival,
        caller: Anyone,
        secret: true,
        body: Json(SetupRequest),
        reply: 204 "The owner can log in now.",
        codes: [PasswordRefused, CodeRefused, UnknownSite, AlreadySetUp, Throttled],
    }

    /// Lists the open enrolment codes, sorted by device.
    ///
    /// This call requires the scope `site:devices`.
    ListEnrolments = GET "/api/v1/enrolments" {
        tag: Arrival,
        caller: Token,
        reply: 200 (Vec<Enrolment>) "The open enrolment codes. The response does not contain the codes themselves.",
        codes: [InsufficientScope],
    }

    /// Withdraws an open enrolment code.
    ///
    /// This call requires the scope `site:devices`.
    WithdrawEnrolment { id: String } = DELETE "/api/v1/enrolments/{id}" {
        tag: Arrival,
        caller: Token,
        reply: 204 "The enrolment code can no longer be used.",
        codes: [UnknownCode],
    }

    /// Creates an enrolment string for a device, which is valid for one use within an hour.
    ///
    /// This call requires the scope `site:devices`. If a device with the same name is already enrolled, the new device
    /// replaces the old device when the enrolment string is used.
    CreateEnrolment = POST "/api/v1/enrolments" {
        tag: Arrival,
        caller: Token,
        body: JsonOrTokenForm(EnrolmentRequest),
        reply: 200 (EnrolmentReply) "The enrolment string for the device.",
        codes: [InsufficientUserAuthentication, PersonRequired],
    }

    /// Enrols a device, which sends its public key and receives its certificate.
    Enrol = POST "/api/v1/enrol" {
        tag: Arrival,
        caller: Anyone,
        secret: true,
        body: Json(EnrolRequest),
        reply: 200 (EnrolReply) "The device is enrolled.",
        codes: [CodeRefused, UnknownSite],
    }

    /// Opens the WebSocket for the live events and commands of a panel.
    ///
    /// This call is a WebSocket upgrade (RFC 6455). The first frame is `snapshot`, which contains everything that the
    /// caller can see. The edge then sends frames of four types. A frame `event` reports a change, and has a sequence
    /// number without gaps. A change that the caller is not allowed to see is sent as `hidden`. A frame `press` reports
    /// that a contact was pressed, and has no sequence number. A frame `result` contains the result of a command that
    /// this WebSocket sent. A frame `problem` reports that a request was rejected. When the token becomes invalid, the
    /// edge closes the WebSocket with the code [`SESSION_ENDED`]. For a request with a cookie, the header `Origin` must
    /// contain the origin of this deployment, and `site` is required.
    Events = GET "/api/v1/events" {
        tag: Sockets,
        caller: Token,
        parameters: [TokenSite, TokenSubject],
        frames: FromPanel => ToPanel,
        reply: 101 "The connection is now a WebSocket.",
        codes: [WrongOrigin, UnknownSite],
    }

    /// Opens the WebSocket of a device's agent.
    ///
    /// This call is a WebSocket upgrade (RFC 6455). If the request contains no proof, the response is 401 with a
    /// challenge, which is valid for 60 s. The device signs the challenge and sends the request again. The second
    /// request contains the device's certificate as the bearer token, and the proof in [`PROOF_HEADER`]. The first
    /// frame of the edge is `welcome`. The edge ignores unknown message types. A newer connection of the same device
    /// replaces the current connection. While the current connection is active, a new request with [`YIELD_HEADER`] `:
    /// ?1` is refused.
    Agent = GET "/api/v1/agent" {
        tag: Sockets,
        caller: Certificate,
        parameters: [Proof, Yield],
        frames: FromAgent => ToAgent,
        reply: 101 "The connection is now a WebSocket.",
        codes: [DeviceConnected],
    }
}
