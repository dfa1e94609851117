//! `cargo xtask bench verify` runs this program, which measures the verification of a token in workerd. The program
//! measures the first and the repeated verification by Pinlatch's code, and the verification of the same token by npm's
//! `jose`.
//!
//! The program prints the results as JSON rows for the table of `cargo xtask bench`.

use e2e::Http;
use e2e::verification::{ALGORITHMS, rows, times};
use serde_json::json;
use xtask::edge::{Edge, EdgeOptions};

fn main() {
    let dir = tempfile::tempdir().expect("a folder");
    let options = EdgeOptions::new(dir.path()).expect("options");
    let options = options.wrangler().other(e2e::program("PINLATCH_BENCH_VERIFY"));
    let worker = Edge::start(options).expect("the Worker");
    let http = Http::new(&worker.url());
    http.post("/prepare", &json!(ALGORITHMS.map(|bars| bars.alg))).ok();
    let mut all = Vec::new();
    for bars in ALGORITHMS {
        eprintln!("  measuring {}", bars.alg);
        let run = |who: &str, count: u32| {
            http.post("/run", &json!({ "who": who, "alg": bars.alg, "count": count })).ok();
        };
        all.extend(rows(&bars, times(run)));
    }
    println!("{}", json!(all));
}
