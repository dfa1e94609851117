//! Finds the user as which systemd runs the edge.

use anyhow::{Context, Result};

use super::folder::Owner;
use crate::files::read_text;

/// Returns the user id and the group id of a user of this machine.
pub fn find(name: &str) -> Result<Owner> {
    let users = read_text("/etc/passwd".as_ref())?;
    parse(&users, name).with_context(|| {
        format!("there is no user {name:?} in /etc/passwd; create the user first: sudo useradd --system --user-group {name}")
    })
}

/// Finds a user in the text of `/etc/passwd`, whose lines have the form `name:password:uid:gid:…`.
fn parse(users: &str, name: &str) -> Option<Owner> {
    users.lines().find_map(|line| {
        let mut parts = line.split(':');
        let (own, _, uid, gid) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let owner = || Some(Owner { uid: uid.parse().ok()?, gid: gid.parse().ok()? });
        (own == name).then(owner).flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_has_an_id_and_a_group() {
        let users = "root:x:0:0:root:/root:/bin/sh\n# odd\npinlatch-edge-2:x:7:8::/:\npinlatch-edge:x:998:997::/var/lib:/\n";
        assert_eq!(parse(users, "pinlatch-edge"), Some(Owner { uid: 998, gid: 997 }));
        for wrong in ["pinlatch", "x", "", "998", "odd"] {
            assert_eq!(parse(users, wrong), None, "{wrong:?}");
        }
        let error = find("no such user").unwrap_err();
        assert!(format!("{error:#}").contains("useradd"), "{error:#}");
    }
}
