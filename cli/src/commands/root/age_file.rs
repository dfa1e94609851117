//! Encrypts a text with a passphrase in the format of age (<https://age-encryption.org/v1>), and decrypts such a file.
//!
//! The errors of the crate `age` are replaced with [`OpenError`], because a person must know from an error whether the
//! passphrase is wrong or the file is damaged.

use std::io::{Cursor, Read};
use std::iter;

use age::armor::ArmoredReader;
use age::secrecy::SecretString;
use age::{DecryptError, Decryptor, scrypt};
use anyhow::{Result, anyhow};
use pinlatch_protocol::api::Secret;

/// The cost of a passphrase, as a power of two: about one second and 256 MiB of memory for each attempt. The program `age`
/// has the same default. The crate `age` would choose a lower cost on a slow machine, but the machine of an attacker is
/// not slow.
const WORK_FACTOR: u8 = 18;

/// The maximum cost of a file that is decrypted, about four seconds and 1 GiB of memory. Without a limit, a hostile file
/// could use all memory of the machine.
const MAX_WORK_FACTOR: u8 = 20;

/// The maximum size of a backup, in bytes. A backup has less than 1 KiB.
pub const MAX_FILE: u64 = 64 * 1024;

const BEGIN: &str = "-----BEGIN AGE ENCRYPTED FILE-----";
const END: &str = "-----END AGE ENCRYPTED FILE-----";

/// The number of characters of a line between [`BEGIN`] and [`END`].
const COLUMNS: usize = 64;

/// The beginning of an age file that is not text.
const BINARY: &[u8] = b"age-encryption.org/";

/// The reason why a file cannot be decrypted, and the next step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    #[error(
        "this is not a backup of `pinlatch root backup`: the line `{BEGIN}` is missing; give the file or the whole text of the backup"
    )]
    NotAge,
    #[error(
        "this file is not encrypted, so it is no backup of `pinlatch root backup`. If it is a copy of root.jwk, copy it to the configuration folder, and then run `pinlatch root backup`"
    )]
    Json,
    #[error("the end of the backup is missing (the line `{END}`); give the whole text of the backup")]
    CutOff,
    #[error(
        "the backup is damaged; compare each line with another copy of the backup, or use another backup"
    )]
    Damaged,
    #[error(
        "the passphrase is wrong, or the first lines of the backup are damaged; try the passphrase again, then use another copy of the backup"
    )]
    Passphrase,
    #[error(
        "the file is encrypted for a key and not with a passphrase, so `pinlatch root backup` has not made it; decrypt it with `age --decrypt --identity FILE`"
    )]
    ForKey,
    #[error(
        "the file needs more than 2^{MAX_WORK_FACTOR} steps of scrypt (2^{0}) for one attempt, so `pinlatch root backup` has not made it; use another backup. If you trust this file, decrypt it with `age --decrypt`"
    )]
    TooCostly(u8),
    #[error(
        "the file has a newer format of age; install a newer version of pinlatch, or decrypt it with `age --decrypt`"
    )]
    NewFormat,
}

/// Encrypts a text with a passphrase. The result is text of less than one page.
pub fn encrypt(text: &Secret, passphrase: &Secret) -> Result<String> {
    let mut recipient = scrypt::Recipient::new(secrecy(passphrase));
    recipient.set_work_factor(WORK_FACTOR);
    age::encrypt_and_armor(&recipient, text.expose().as_bytes()).map_err(|_| {
        anyhow!("the root key could not be encrypted; this is a bug of pinlatch, please report it")
    })
}

fn secrecy(passphrase: &Secret) -> SecretString {
    SecretString::from(passphrase.expose())
}

/// An age file whose passphrase is not known yet.
pub struct AgeFile(Decryptor<ArmoredReader<std::io::BufReader<Cursor<Vec<u8>>>>>);

impl AgeFile {
    /// Parses a file up to the point where the passphrase is needed. A text around the age file is ignored, for example a
    /// title on a printed page, and so are the breaks of its lines.
    pub fn parse(bytes: &[u8]) -> Result<Self, OpenError> {
        let file = canonical(bytes)?;
        let decryptor =
            Decryptor::new_buffered(ArmoredReader::new(Cursor::new(file))).map_err(|error| reason(&error))?;
        if decryptor.is_scrypt() { Ok(Self(decryptor)) } else { Err(OpenError::ForKey) }
    }

    pub fn decrypt(self, passphrase: &Secret) -> Result<Secret, OpenError> {
        let mut identity = scrypt::Identity::new(secrecy(passphrase));
        identity.set_max_work_factor(MAX_WORK_FACTOR);
        let identity: &dyn age::Identity = &identity;
        let mut reader = self.0.decrypt(iter::once(identity)).map_err(|error| reason(&error))?;
        let mut text = String::new();
        reader.read_to_string(&mut text).map_err(|_| OpenError::Damaged)?;
        Ok(Secret::new(text))
    }
}

/// The crate `age` verifies the passphrase first. Errors after this step are therefore errors of the file.
fn reason(error: &DecryptError) -> OpenError {
    match error {
        DecryptError::DecryptionFailed | DecryptError::KeyDecryptionFailed => OpenError::Passphrase,
        DecryptError::ExcessiveWork { required, .. } if *required > MAX_WORK_FACTOR => {
            OpenError::TooCostly(*required)
        }
        DecryptError::UnknownFormat => OpenError::NewFormat,
        _ => OpenError::Damaged,
    }
}

/// Returns the age file in the input, in the strict form that the crate `age` accepts. A person can have typed the lines,
/// or an email program can have broken them.
fn canonical(bytes: &[u8]) -> Result<Vec<u8>, OpenError> {
    if bytes.starts_with(BINARY) {
        return Ok(bytes.to_owned());
    }
    let text = String::from_utf8_lossy(bytes);
    let Some((_, rest)) = text.split_once(BEGIN) else {
        let is_json = text.trim_start().starts_with('{');
        return Err(if is_json { OpenError::Json } else { OpenError::NotAge });
    };
    let (body, _) = rest.split_once(END).ok_or(OpenError::CutOff)?;
    let body: Vec<char> = body.chars().filter(|c| !c.is_whitespace()).collect();
    let lines = body.chunks(COLUMNS).map(String::from_iter);
    let lines: Vec<String> = iter::once(BEGIN.to_owned()).chain(lines).chain([END.to_owned()]).collect();
    Ok(lines.join("\n").into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSPHRASE: &str = "six words for a test";

    fn secret(text: &str) -> Secret {
        Secret::new(text)
    }

    /// Encrypts with the crate's own functions. A low cost keeps the tests fast.
    fn foreign(cost: u8, text: &str) -> String {
        let mut recipient = scrypt::Recipient::new(PASSPHRASE.to_owned().into());
        recipient.set_work_factor(cost);
        age::encrypt_and_armor(&recipient, text.as_bytes()).unwrap()
    }

    fn open(file: &[u8], passphrase: &str) -> Result<String, OpenError> {
        Ok(AgeFile::parse(file)?.decrypt(&secret(passphrase))?.expose().to_owned())
    }

    #[test]
    fn the_crate_decrypts_what_was_encrypted() {
        let text = encrypt(&secret("content"), &secret(PASSPHRASE)).unwrap();
        assert!(text.starts_with(BEGIN) && text.trim_end().ends_with(END), "{text}");
        assert!(!text.contains("content") && text.lines().all(|line| line.len() <= COLUMNS));
        let identity = scrypt::Identity::new(PASSPHRASE.to_owned().into());
        assert_eq!(age::decrypt(&identity, text.as_bytes()).unwrap(), b"content");
        assert_eq!(open(text.as_bytes(), PASSPHRASE).as_deref(), Ok("content"));
    }

    #[test]
    fn text_around_the_file_and_other_line_breaks_do_not_matter() {
        let text = foreign(2, &"x".repeat(300));
        let expected = open(text.as_bytes(), PASSPHRASE).unwrap();
        let narrow: String = text
            .lines()
            .map(|line| if line.contains('-') { (line, "") } else { line.split_at(line.len() / 3) })
            .map(|(start, end)| format!("  {start}\r\n{end}\n"))
            .collect();
        for file in [text.replace('\n', "\r\n"), format!("The root key\n\n{text}\nin a drawer"), narrow] {
            assert_eq!(open(file.as_bytes(), PASSPHRASE).as_ref(), Ok(&expected), "{file}");
        }
    }

    #[test]
    fn a_binary_age_file_is_accepted() {
        let mut recipient = scrypt::Recipient::new(PASSPHRASE.to_owned().into());
        recipient.set_work_factor(2);
        let file = age::encrypt(&recipient, b"content").unwrap();
        assert_eq!(open(&file, PASSPHRASE).as_deref(), Ok("content"));
    }

    #[test]
    fn each_fault_has_its_own_error() {
        let text = foreign(2, &"x".repeat(300));
        let identity = age::x25519::Identity::generate();
        let for_key = age::encrypt_and_armor(&identity.to_public(), b"content").unwrap();
        let with = |change: &dyn Fn(&mut Vec<String>)| {
            let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
            change(&mut lines);
            lines.join("\n")
        };
        let swap = |line: &mut String| *line = line.chars().rev().collect();
        let header = with(&|lines| swap(&mut lines[1]));
        let payload = with(&|lines| swap(&mut lines[7]));
        let shorter = with(&|lines| drop(lines.remove(6)));
        let other = with(&|lines| lines[5] = "?".repeat(COLUMNS));
        for (file, expected) in [
            ("", OpenError::NotAge),
            ("some text", OpenError::NotAge),
            ("{\"kty\":\"OKP\"}", OpenError::Json),
            (&text[..text.len() - 20], OpenError::CutOff),
            (&format!("{BEGIN}\n{END}\n"), OpenError::Damaged),
            (&format!("{BEGIN}\nAAAA\n{END}\n"), OpenError::Damaged),
            ("age-encryption.org/v1\n", OpenError::Damaged),
            (&for_key, OpenError::ForKey),
            (&header, OpenError::Damaged),
            (&payload, OpenError::Damaged),
            (&shorter, OpenError::Damaged),
            (&other, OpenError::Damaged),
            (&format!("age-encryption.org/v9\n{}", "x\n".repeat(40)), OpenError::NewFormat),
        ] {
            assert_eq!(open(file.as_bytes(), PASSPHRASE), Err(expected), "{file}");
        }
        assert_eq!(open(text.as_bytes(), "another passphrase"), Err(OpenError::Passphrase));
    }

    /// A file that asks for 2^63 steps of scrypt would otherwise end the program or the machine.
    #[test]
    fn a_hostile_cost_is_refused_at_once() {
        let salt = "AAAAAAAAAAAAAAAAAAAAAA";
        let body = "A".repeat(43);
        for cost in [MAX_WORK_FACTOR + 1, 63, 64, 255] {
            let file = format!(
                "age-encryption.org/v1\n-> scrypt {salt} {cost}\n{body}\n--- {body}\n{}",
                "x".repeat(40)
            );
            assert_eq!(open(file.as_bytes(), PASSPHRASE), Err(OpenError::TooCostly(cost)));
        }
    }

    #[test]
    fn no_error_contains_a_secret_and_each_has_a_next_step() {
        for error in [
            OpenError::NotAge,
            OpenError::Json,
            OpenError::CutOff,
            OpenError::Damaged,
            OpenError::Passphrase,
            OpenError::ForKey,
            OpenError::TooCostly(30),
            OpenError::NewFormat,
        ] {
            let text = error.to_string();
            assert!(
                ["give", "use", "copy", "decrypt", "install"].iter().any(|step| text.contains(step)),
                "{text}"
            );
        }
    }
}
