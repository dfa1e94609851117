//! Tests the tables that `pinlatch issuer add` writes. Also tests that no file changes if the Worker would refuse the
//! new table.

use std::fs;

use clap::Parser;
use tempfile::TempDir;

use super::*;
use crate::args::{Args, Command};
use crate::commands::issuer::{IssuerCommand, run};

const PUBLIC: &str = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
const PRIVATE: &str = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"}"#;
const SECRET: &str = "AcTvQ8wYfWkq2nN5xZr7bD1mJ4hL6pS9tU3vE0gK";

/// A temporary folder with a configuration file, keys and a secret.
struct TestFolder(TempDir);

impl TestFolder {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("wrangler.toml"), "# mine\n[vars]\nSITES = \"home,lab\"\n").unwrap();
        let test_folder = Self(folder);
        test_folder.put("public", PUBLIC);
        test_folder.put("private", PRIVATE);
        test_folder.put("secret", &format!("{SECRET}\n"));
        test_folder
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }

    fn put(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// Runs a `pinlatch issuer` command. In `line`, `@NAME` is replaced with the path of the file NAME in the folder.
    fn run(&self, line: &str) -> Result<()> {
        let words = line.split_whitespace().map(|word| match word.strip_prefix('@') {
            Some(name) => self.path(name),
            None => word.to_owned(),
        });
        let config = ["--config".to_owned(), self.path("wrangler.toml")];
        let words = ["pinlatch".to_owned(), "issuer".into()].into_iter().chain(words).chain(config);
        let args = Args::try_parse_from(words)?;
        let Command::Issuer { command } = &args.command else { panic!("another command") };
        assert!(matches!(command, IssuerCommand::Add(_) | IssuerCommand::Remove { .. }));
        run(command, true)
    }

    /// Runs a command that must fail without changing a file. Returns the error message.
    #[track_caller]
    fn refuses(&self, line: &str) -> String {
        let before = [self.text("wrangler.toml"), self.text(".dev.vars")];
        let error = self.run(line).unwrap_err();
        assert_eq!([self.text("wrangler.toml"), self.text(".dev.vars")], before, "{line}");
        let said = format!("{error:#}");
        assert!(!said.contains(SECRET) && !said.contains("nWGxne_9"), "{said}");
        match error.downcast_ref::<KeyError>() {
            Some(key) => format!("{}: {said}", key.code()),
            None => said,
        }
    }
}

const OTHER: &str = "--issuer https://y.example --audience other --scope line:bench/*:*";
const WHO: &str = "--issuer https://x.example --audience bench --scope line:bench/*:*";

#[test]
fn a_secret_goes_into_its_own_file() {
    let test_folder = TestFolder::new();
    test_folder
        .run(&format!("add cron {WHO} --site lab --secret CRON_SECRET --secret-file @secret --max-life 60"))
        .unwrap();
    let text = test_folder.text("wrangler.toml");
    let table = "[vars.ISSUERS.cron]\nissuer = \"https://x.example\"\nsite = \"lab\"\naudience = \"bench\"\n\
                 secret = \"CRON_SECRET\"\nscope = \"line:bench/*:*\"\nmax_life = 60\n";
    assert!(text.starts_with("# mine\n[vars]\nSITES") && text.ends_with(table), "{text}");
    assert_eq!(test_folder.text(".dev.vars"), format!("CRON_SECRET='{SECRET}'\n"));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(test_folder.path(".dev.vars")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    assert!(test_folder.refuses(&format!("add cron {WHO} --key @public")).contains("--replace"));
    // In the configuration file, the new table would precede the table of `cron`. The Worker would then refuse `cron`.
    let twin = test_folder.refuses(&format!("add again {WHO} --key @public"));
    assert!(twin.contains("then refuse the issuer cron"), "{twin}");
    let twin = test_folder.refuses(&format!("add zeal {WHO} --key @public"));
    assert!(twin.contains("same issuer and audience"), "{twin}");

    test_folder.put("other", "0QeZ8RtY2uI5oP7aS1dF4gH6jK9lX3cV");
    let taken = test_folder.refuses(&format!("add other {OTHER} --secret CRON_SECRET --secret-file @other"));
    assert!(taken.contains("another value of CRON_SECRET"), "{taken}");
    test_folder.run(&format!("add shared {OTHER} --secret CRON_SECRET")).unwrap();
    test_folder.run("remove shared").unwrap();
    test_folder.run("remove cron").unwrap();
    assert_eq!(test_folder.text("wrangler.toml"), "# mine\n[vars]\nSITES = \"home,lab\"\n");
    assert!(test_folder.refuses("remove cron").contains("no issuer"));
}

#[test]
fn public_keys_are_written_and_anything_else_is_refused_by_its_code() {
    let test_folder = TestFolder::new();
    test_folder
        .run(&format!("add ci {WHO} --key @public --typ at+jwt --alg EdDSA --scope-claim scope"))
        .unwrap();
    let text = test_folder.text("wrangler.toml");
    assert!(
        text.contains("keys = ")
            && text.contains("site = \"home\"")
            && text.contains("scope_claim = \"scope\"")
    );
    let reading = Config::read(&test_folder.0.path().join("wrangler.toml")).unwrap().reading(None).unwrap();
    assert_eq!(reading.issuers.faults().len(), 0);
    test_folder.run(&format!("add ci {WHO} --replace --jwks-uri https://x.example/jwks")).unwrap();
    assert!(!test_folder.text("wrangler.toml").contains("keys = "));

    test_folder.put("secret-jwk", r#"{"kty":"oct","k":"QWNUdlE4d1lmV2txMm5ONXhacjdiRDFtSjRoTDZwUzk"}"#);
    test_folder.put("weak", "shhhhh");
    for (line, wanted) in [
        ("--key @private", "private_key: "),
        ("--key @secret", "key_form: "),
        ("--key @secret-jwk", "belongs in `secret`"),
        ("--key @public --alg ES256", "unfit_key: "),
        ("--key @absent", "cannot read"),
        ("--secret WEAK --secret-file @weak", "short_secret: "),
        ("--secret NEW --secret-file @secret --alg HS512", "short_secret: "),
        ("--secret NEW", "does not contain NEW"),
        ("--key @public --site moon", "site: "),
        ("--key @public --typ guest+jwt", "typ"),
        ("--jwks-uri http://x.example/jwks", "jwks_uri: "),
        ("--jwks-uri https://x.example/jwks --alg HS256", "shared secret"),
        ("--discover http://x.example", "not an https URL"),
    ] {
        let said = test_folder.refuses(&format!(
            "add new --issuer https://new.example --audience new --scope site:audit {line}"
        ));
        assert!(said.contains(wanted), "{line}: {said}");
    }
}

#[test]
fn what_cannot_be_meant_is_refused_without_repeating_a_secret() {
    let test_folder = TestFolder::new();
    for line in [
        format!("add x {WHO}"),
        format!("add x {WHO} --key @public --jwks-uri https://x.example/jwks"),
        format!("add x {WHO} --key @public --secret-file @secret"),
        "add x --audience a --scope site:audit --key @public".into(),
        format!("add x {WHO} --key @public --alg none"),
        "add x --issuer https://x --audience a --scope root --key @public".into(),
        format!("add Not_A_Name {WHO} --key @public"),
        format!("add x {WHO} --secret KEYSET --secret-file @secret"),
        format!("add x {WHO} --secret {SECRET} --secret-file @secret"),
    ] {
        test_folder.refuses(&line);
    }
}

#[test]
fn a_login_s_client_id_is_no_audience() {
    let test_folder = TestFolder::new();
    let login =
        "\n[vars.LOGINS.id]\nsite = \"home\"\nissuer = \"https://id.example\"\nclient_id = \"bench\"\n";
    test_folder.put("wrangler.toml", &format!("{}{login}", test_folder.text("wrangler.toml")));
    let said = test_folder.refuses(&format!("add cron {WHO} --key @public"));
    assert!(said.contains("client_id"), "{said}");
}

#[test]
fn algorithms_are_written_only_where_the_keys_do_not_name_them() {
    let metadata = json!({ "id_token_signing_alg_values_supported": ["HS256", "ES256", "XX"] });
    assert_eq!(signed_with(&metadata, &json!({ "keys": [{ "alg": "RS256" }] })), []);
    assert_eq!(signed_with(&metadata, &json!({ "keys": [{ "alg": "RS256" }, {}] })), [Algorithm::Es256]);
    assert_eq!(signed_with(&json!({}), &json!({ "keys": [{}] })), []);
}
