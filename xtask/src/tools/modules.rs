//! Sorts kernel modules into the order in which the kernel can load the modules.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use super::find::find;

/// Returns the names and contents of the kernel modules below a folder. Each module follows the modules on which it
/// depends. Modules that are built into the kernel are omitted.
pub fn in_order(tree: &Path, names: &[&str]) -> Result<Vec<(String, Vec<u8>)>> {
    let built_in = match find(tree, &|name| name == "modules.builtin") {
        Some(list) => fs::read_to_string(&list).with_context(|| list.display().to_string())?,
        None => String::new(),
    };
    let built_in = built_in.lines().filter_map(|line| Some(plain(Path::new(line).file_stem()?.to_str()?)));
    let mut order = Order { tree, seen: built_in.collect(), modules: Vec::new() };
    for name in names {
        order.add(name)?;
    }
    Ok(order.modules)
}

struct Order<'a> {
    tree: &'a Path,
    seen: BTreeSet<String>,
    modules: Vec<(String, Vec<u8>)>,
}

impl Order<'_> {
    fn add(&mut self, name: &str) -> Result<()> {
        if !self.seen.insert(plain(name)) {
            return Ok(());
        }
        let is_it = |file: &str| file.split_once(".ko").is_some_and(|(stem, _)| plain(stem) == plain(name));
        let file = find(self.tree, &is_it).with_context(|| format!("cannot find the module {name}"))?;
        let module = read(&file)?;
        for other in depends(&module) {
            self.add(&other)?;
        }
        self.modules.push((name.to_owned(), module));
        Ok(())
    }
}

/// Replaces `-` with `_`, because a module's file name and the dependency lists can use different characters.
fn plain(name: &str) -> String {
    name.replace('-', "_")
}

fn read(file: &PathBuf) -> Result<Vec<u8>> {
    match file.extension().and_then(|extension| extension.to_str()) {
        Some("ko") => fs::read(file).with_context(|| file.display().to_string()),
        Some("xz") => {
            let output = Command::new("xz").args(["--decompress", "--stdout"]).arg(file).output();
            let output = output.context("cannot start xz")?;
            if output.status.success() {
                Ok(output.stdout)
            } else {
                bail!("{} is not an xz file", file.display())
            }
        }
        _ => bail!("{} has an unknown compression", file.display()),
    }
}

/// Returns the dependencies of a module, which the field `depends=a,b` of the module lists.
fn depends(module: &[u8]) -> Vec<String> {
    let fields = module.split(|byte| *byte == 0);
    let list = fields.filter_map(|field| std::str::from_utf8(field).ok()?.strip_prefix("depends="));
    list.flat_map(|list| list.split(',')).filter(|name| !name.is_empty()).map(Into::into).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_come_after_what_they_depend_on() {
        let tree = tempfile::tempdir().unwrap();
        let file = |name: &str, content: &str| fs::write(tree.path().join(name), content).unwrap();
        file("usb-net.ko", "x\0depends=mii,core_two\0");
        file("mii.ko", "depends=\0");
        file("core-two.ko", "license=GPL\0depends=built\0");
        file("modules.builtin", "kernel/built.ko\n");
        let order = in_order(tree.path(), &["usb_net", "mii"]).unwrap();
        let names: Vec<_> = order.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["mii", "core_two", "usb_net"]);
        assert!(in_order(tree.path(), &["other"]).unwrap_err().to_string().contains("other"));
    }
}
