//! Serves the panel's files if workerd reads these files from a disk. On Cloudflare, requests for the panel's files
//! never reach the Worker. Cloudflare itself serves the panel's files, with the rules of `[assets]` in `wrangler.toml`
//! and of the file `_headers`.

use pinlatch_protocol::problem::{Code, Problem};
use worker::{Env, Method, Request, RequestInit, Response};

use crate::respond;

const BINDING: &str = "ASSETS";
/// The panel's HTML file. The Worker returns the panel's HTML file for every path that does not match another file of
/// the panel.
const PAGE: &str = "/index.html";
/// The response headers for each file of the panel, in Cloudflare's `_headers` format.
const HEADERS: &str = include_str!("../../panel/public/_headers");
/// The `Cache-Control` value for files whose content can change while the file name stays the same.
const REVALIDATE: &str = "public, max-age=0, must-revalidate";

/// Returns a file of the panel. The response is compressed if the client's `Accept-Encoding` header (`accepted`) allows
/// compression.
pub async fn serve(spoken: &str, path: &str, accepted: &str, env: &Env) -> Result<Response, Problem> {
    let head = spoken == "HEAD";
    if !head && spoken != "GET" {
        return Err(Code::NotFound.into());
    }
    let file = file_of(path);
    let mut response = fetch(env, file, head).await?;
    let found = (response.status_code() == 200).then_some(file);
    if found.is_none() {
        response = fetch(env, PAGE, head).await?;
    }
    dressed(response, found.unwrap_or(PAGE), accepted)
        .map_err(|error| respond::fault("the panel's files", error))
}

async fn fetch(env: &Env, file: &str, head: bool) -> Result<Response, Problem> {
    let fault = |error: worker::Error| respond::fault("the panel's files", error);
    let mut init = RequestInit::new();
    init.with_method(if head { Method::Head } else { Method::Get });
    let request = Request::new_with_init(&format!("http://panel{file}"), &init).map_err(fault)?;
    env.service(BINDING).map_err(fault)?.fetch_request(request).await.map_err(fault)
}

/// Returns the file that a URL path names. If the path does not name a file, this function returns the panel's HTML
/// file. Folders are not listed, and the file `_headers` is never served.
fn file_of(path: &str) -> &str {
    let plain = |segment: &str| !segment.is_empty() && !segment.starts_with(['.', '_']);
    let named = path.rsplit('/').next().is_some_and(|name| name.contains('.'));
    let odd = path.contains(['%', '\\']);
    if named && !odd && path.split('/').skip(1).all(plain) { path } else { PAGE }
}

fn dressed(response: Response, file: &str, accepted: &str) -> worker::Result<Response> {
    let response = response.with_headers(worker::Headers::new());
    let headers = response.headers();
    headers.set("Content-Type", media_type(file))?;
    headers.set("Cache-Control", REVALIDATE)?;
    for (name, value) in headers_of(file) {
        headers.set(name, value)?;
    }
    if is_compressible(file) {
        headers.set("Vary", "Accept-Encoding")?;
        // workerd compresses each response that has a `Content-Encoding` header.
        if let Some(coding) = coding_of(accepted) {
            headers.set("Content-Encoding", coding)?;
        }
    }
    Ok(response)
}

/// Returns the best content coding that workerd supports and the client accepts (RFC 9110 §12.5.3).
fn coding_of(accepted: &str) -> Option<&'static str> {
    let is_accepted = |coding: &&str| {
        accepted.split(',').any(|entry| {
            let mut parts = entry.split(';').map(str::trim);
            let named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case(coding));
            let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
            named && weight.is_none_or(|weight| weight.parse::<f32>().is_ok_and(|weight| weight > 0.0))
        })
    };
    ["br", "gzip"].into_iter().find(is_accepted)
}

/// Returns whether compression makes the file smaller, according to the file name extension.
fn is_compressible(file: &str) -> bool {
    !file.ends_with(".png") && !file.ends_with(".ico") && !file.ends_with(".woff2")
}

/// Returns the response headers that `_headers` defines for a file. A later header overrides an earlier header with the
/// same name.
fn headers_of(file: &str) -> impl Iterator<Item = (&'static str, &'static str)> {
    let mut applies = false;
    HEADERS.lines().filter_map(move |line| match line.strip_prefix("  ") {
        None => {
            applies = match line.strip_suffix('*') {
                Some(prefix) => file.starts_with(prefix),
                None => file == line,
            };
            None
        }
        Some(header) => header.split_once(": ").filter(|_| applies),
    })
}

fn media_type(file: &str) -> &'static str {
    match file.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "wasm" => "application/wasm",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "webmanifest" => "application/manifest+json",
        "json" => "application/json",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_are_asked_for() {
        assert_eq!(file_of("/assets/panel-1.js"), "/assets/panel-1.js");
        for path in [
            "/",
            "/s/home/",
            "/s/home/manage/people",
            "/assets",
            "/assets/",
            "/_headers",
            "/.env",
            "/a/../b.js",
            "/a//b.js",
            "/%2e%2e/b.js",
            "/_x/b.js",
            "/a\\b.js",
        ] {
            assert_eq!(file_of(path), PAGE, "{path}");
        }
    }

    #[test]
    fn the_client_chooses_the_coding() {
        for (accepted, coding) in [
            ("gzip, deflate, br, zstd", Some("br")),
            ("gzip;q=1.0, BR;q=0.5", Some("br")),
            ("br;q=0, gzip", Some("gzip")),
            ("br; Q=0.000, gzip ; q=0", None),
            ("br;q=lots", None),
            ("identity", None),
            ("", None),
        ] {
            assert_eq!(coding_of(accepted), coding, "{accepted}");
        }
    }

    #[test]
    fn every_file_has_its_headers() {
        let of = |file| headers_of(file).collect::<Vec<_>>();
        let policy =
            |headers: &[(&str, &str)]| headers.iter().any(|(name, _)| *name == "Content-Security-Policy");
        let cached = |headers: &[(&str, &str)]| headers.iter().any(|(_, value)| value.contains("immutable"));
        let (page, script) = (of(PAGE), of("/assets/panel-1.js"));
        assert!(policy(&page) && !cached(&page));
        assert!(policy(&script) && cached(&script));
    }
}
