//! Tests the exit codes, the output and the signal handling of the real agent binary.

use std::path::Path;
use std::process::{Output, Stdio};

use pinlatch_protocol::command::CommandStatus;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::edge::{Edge, PATIENCE};
use crate::test_agent::TestAgent;

fn agent(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pinlatch-agent"));
    command.args(arguments).kill_on_drop(true).env_remove("RUST_LOG").env_remove("RUNTIME_DIRECTORY");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

async fn output(arguments: &[&str]) -> Output {
    timeout(PATIENCE, agent(arguments).output()).await.unwrap().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn signal(child: &Child, signal: Signal) {
    let pid = i32::try_from(child.id().unwrap()).unwrap();
    kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
}

#[tokio::test]
async fn sigterm_leaves_the_lines_safe_and_says_goodbye() {
    let (test_agent, mut edge) = (TestAgent::new(), Edge::start().await);
    let state = test_agent.state_dir();
    let enrolled = output(&["enrol", &edge.enrol_string(), "--state", state.to_str().unwrap()]).await;
    assert!(enrolled.status.success(), "{enrolled:?}");
    let file = state.join("credentials.json");
    let said = format!(
        "enrolled as porch of site home at {}\nthe credentials are in {}\n",
        edge.url(),
        file.display()
    );
    assert_eq!(text(&enrolled.stdout), said);
    let warned = text(&enrolled.stderr);
    assert!(
        warned.contains("other users of this machine can read") && !warned.contains("one.time"),
        "{warned}"
    );

    let running = agent(&["run", "--config", test_agent.config_file().to_str().unwrap()]).spawn().unwrap();
    let (mut link, _) = edge.welcome().await;
    let order = link.order("c", "lamp", "set", json!({ "value": true })).sign();
    link.command(order.clone()).await;
    assert_eq!(link.event("lamp").await, true);
    signal(&running, Signal::TERM);
    assert_eq!(link.event("lamp").await, false);
    assert_eq!(link.next().await.unwrap_err(), 1001);
    drop(link);
    let ended = timeout(PATIENCE, running.wait_with_output()).await.unwrap().unwrap();
    assert_eq!(ended.status.code(), Some(0));
    let log = text(&ended.stderr);
    assert!(log.contains("connected") && log.contains("stopped"), "{log}");
    assert!(
        log.contains("no GPIO") || log.contains("NO_SUCH_LINE"),
        "the unusable line is not reported: {log}"
    );
    assert!(!log.contains(&order) && !log.contains("eyJ"), "a token in the log: {log}");
    assert_eq!(test_agent.journal().last(), Some(&("lamp".into(), json!(false))));
}

#[tokio::test]
async fn a_killed_agent_leaves_the_safe_levels_to_the_safe_command() {
    let (test_agent, mut edge) = (TestAgent::new(), Edge::start().await);
    test_agent.enrol(&edge.enrol_string()).await.unwrap();
    let config = test_agent.config_file();
    let config = config.to_str().unwrap();
    let mut running = agent(&["run", "--config", config]).spawn().unwrap();
    let (mut link, _) = edge.welcome().await;
    let order = link.order("c", "lamp", "set", json!({ "value": true })).sign();
    link.command(order).await;
    signal(&running, Signal::KILL);
    running.wait().await.unwrap();
    assert_eq!(test_agent.journal().last(), Some(&("lamp".into(), json!(true))));

    let safe = output(&["safe", "--config", config]).await;
    assert!(test_agent.journal().ends_with(&[("door".into(), json!(false)), ("lamp".into(), json!(false))]));
    // The agent reports the line without hardware. The line without hardware does not prevent the other lines from
    // going to their safe levels.
    assert_eq!(safe.status.code(), Some(1));
    assert!(text(&safe.stderr).contains("lost"), "{safe:?}");

    // The socket file that the killed agent has left does not prevent a new start.
    let _running = agent(&["run", "--config", config]).spawn().unwrap();
    edge.welcome().await;
}

/// A person enrols the agent without `--config`, so the credentials are in another folder than the agent expects. The
/// message must contain the folder and the option.
#[tokio::test]
async fn an_agent_without_credentials_names_the_folder_and_the_option() {
    let test_agent = TestAgent::new();
    let config = test_agent.config_file();
    let run = output(&["run", "--config", config.to_str().unwrap()]).await;
    assert!(!run.status.success());
    let said = text(&run.stderr);
    assert!(
        said.contains(test_agent.state_dir().to_str().unwrap()) && said.contains("--config FILE"),
        "{said}"
    );

    let mut command = agent(&["run", "--config", "agent.toml"]);
    let run =
        timeout(PATIENCE, command.current_dir(config.parent().unwrap()).output()).await.unwrap().unwrap();
    let said = text(&run.stderr);
    assert!(said.contains(test_agent.state_dir().to_str().unwrap()), "the folder is not absolute: {said}");
}

#[tokio::test]
async fn a_log_that_nobody_reads_holds_up_nothing() {
    let (test_agent, mut edge) = (TestAgent::new(), Edge::start().await);
    test_agent.enrol(&edge.enrol_string()).await.unwrap();
    let running = agent(&["run", "--config", test_agent.config_file().to_str().unwrap()]).spawn().unwrap();
    let (mut link, _) = edge.welcome().await;
    // The agent writes about 120 KiB of log messages into a pipe with a capacity of 64 KiB.
    for number in 0..800 {
        let order = link.order(&number.to_string(), "lamp", "toggle", json!({})).sign();
        assert_eq!(link.command(order).await.status, CommandStatus::Executed);
    }
    signal(&running, Signal::TERM);
    drop(link);
    let ended = timeout(PATIENCE, running.wait_with_output()).await.unwrap().unwrap();
    assert_eq!(ended.status.code(), Some(0));
    assert!(!text(&ended.stderr).contains("id=799"), "the pipe was never full");
}

#[tokio::test]
async fn an_unusable_configuration_is_exit_code_2() {
    let test_agent = TestAgent::new();
    let file = test_agent.config_file();
    let good = output(&["check-config", "--config", file.to_str().unwrap()]).await;
    assert!(good.status.success() && text(&good.stdout).contains("ok, 4 lines"), "{good:?}");
    std::fs::write(&file, "state_dir = 1\n").unwrap();
    for command in ["check-config", "run", "safe"] {
        let bad = output(&[command, "--config", file.to_str().unwrap()]).await;
        assert_eq!(bad.status.code(), Some(2), "{bad:?}");
        assert!(text(&bad.stderr).contains("agent.toml:1:13: "), "{bad:?}");
    }
}

#[tokio::test]
async fn every_example_is_valid_and_listed() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let index = std::fs::read_to_string(examples.join("README.md")).unwrap();
    let mut checked = 0;
    for entry in std::fs::read_dir(&examples).unwrap() {
        let folder = entry.unwrap().path();
        if !folder.is_dir() {
            continue;
        }
        let file = folder.join("agent.toml");
        let result = output(&["check-config", "--config", file.to_str().unwrap()]).await;
        assert!(result.status.success(), "{result:?}");
        // The README of the example quotes the end of the printed message, which follows the name of the file.
        let message = text(&result.stdout);
        let (_, verdict) = message.trim_end().rsplit_once("agent.toml: ").unwrap();
        let page = std::fs::read_to_string(folder.join("README.md")).unwrap();
        assert!(page.contains(&format!("`agent.toml: {verdict}`")), "{}: {verdict}", folder.display());
        let name = folder.file_name().unwrap().to_str().unwrap();
        assert!(index.contains(&format!("]({name}/README.md)")), "{name} is not in examples/README.md");
        checked += 1;
    }
    assert!(checked >= 5, "only {checked} examples were found");
}

#[tokio::test]
async fn a_device_that_is_not_enrolled_says_so() {
    let test_agent = TestAgent::new();
    let ended = output(&["run", "--config", test_agent.config_file().to_str().unwrap()]).await;
    assert_eq!(ended.status.code(), Some(1));
    assert!(text(&ended.stderr).contains("enrol this device first"), "{ended:?}");
}

#[tokio::test]
async fn a_refused_code_is_not_echoed() {
    let (test_agent, edge) = (TestAgent::new(), Edge::start().await);
    let string = edge.enrol_string().replace("one.time.code", "secret-guess");
    let refused = output(&["enrol", &string, "--state", test_agent.state_dir().to_str().unwrap()]).await;
    assert_eq!(refused.status.code(), Some(1));
    let message = text(&refused.stderr);
    assert!(message.contains("code_refused") && !message.contains("secret-guess"), "{message}");
    let malformed = output(&["enrol", "https://x/secret-guess", "--state", "nowhere"]).await;
    assert_eq!(malformed.status.code(), Some(2));
}

/// The enrolment string comes from standard input, so that it is no argument of the process.
#[tokio::test]
async fn an_enrolment_string_is_read_from_standard_input() {
    let (test_agent, edge) = (TestAgent::new(), Edge::start().await);
    let state = test_agent.state_dir();
    for argument in [Some("-"), None] {
        let words = ["enrol"].into_iter().chain(argument).chain(["--state", state.to_str().unwrap()]);
        let mut enrol = agent(&words.collect::<Vec<_>>());
        let mut child = enrol.stdin(Stdio::piped()).spawn().unwrap();
        let string = format!("  {}\n", edge.enrol_string());
        child.stdin.take().unwrap().write_all(string.as_bytes()).await.unwrap();
        let ended = timeout(PATIENCE, child.wait_with_output()).await.unwrap().unwrap();
        assert!(text(&ended.stdout).starts_with("enrolled as porch"), "{ended:?}");
        assert_eq!(text(&ended.stderr), "", "there is no warning");
    }
    let nothing = output(&["enrol", "-", "--state", state.to_str().unwrap()]).await;
    assert_eq!(nothing.status.code(), Some(2));
    assert!(text(&nothing.stderr).contains("invalid enrolment string"), "{nothing:?}");
}

#[tokio::test]
async fn lines_lists_what_there_is() {
    let listed = output(&["lines"]).await;
    assert!(listed.status.success(), "{listed:?}");
    assert!(text(&listed.stdout).contains("chip"));
}

#[tokio::test]
async fn lines_gives_the_words_of_the_configuration() {
    let test_agent = TestAgent::new();
    let sysfs = test_agent.folder.path().join("sys");
    // The test creates the sysfs files of a PWM chip, a processor's thermometer and a 1-wire thermometer in the same
    // way as the kernel.
    for (file, value) in [
        ("devices/fe20c000.pwm/pwm/pwmchip0/npwm", "2"),
        ("devices/thermal_zone0/hwmon0/name", "cpu_thermal"),
        ("devices/thermal_zone0/hwmon0/temp1_input", "48312"),
        ("bus/w1/devices/28-00000abcdef0/temperature", "21437"),
    ] {
        let file = sysfs.join(file);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, format!("{value}\n")).unwrap();
    }
    for (link, target) in [
        ("devices/fe20c000.pwm/pwm/pwmchip0/device", "../.."),
        ("class/pwm/pwmchip0", "../../devices/fe20c000.pwm/pwm/pwmchip0"),
        ("class/hwmon/hwmon0", "../../devices/thermal_zone0/hwmon0"),
    ] {
        let link = sysfs.join(link);
        std::fs::create_dir_all(link.parent().unwrap()).unwrap();
        std::os::unix::fs::symlink(target, link).unwrap();
    }
    let sysfs = sysfs.to_str().unwrap();
    let listed = text(&output(&["lines", "--sysfs", sysfs]).await.stdout);
    for words in [
        "driver = \"pwm\", pwm = \"fe20c000.pwm\", channel = 0 to 1",
        "driver = \"hwmon\", device = \"cpu_thermal\", channel = \"temp1\"",
        "driver = \"w1\", device = \"28-00000abcdef0\"",
    ] {
        assert!(listed.contains(words), "{listed}");
    }
    let listed = output(&["lines", "--json", "--sysfs", sysfs]).await.stdout;
    let listed: serde_json::Value = serde_json::from_slice(&listed).unwrap();
    assert_eq!(listed["pwm"][0]["channels"], 2);
    assert_eq!(
        listed["hwmon"][0],
        json!({ "device": "cpu_thermal", "name": "cpu_thermal", "channels": ["temp1"] })
    );
    assert_eq!(listed["w1"], json!(["28-00000abcdef0"]));
}

#[tokio::test]
async fn status_tells_of_link_clock_lines_and_commands() {
    let (test_agent, mut edge) = (TestAgent::new(), Edge::start().await);
    let config = test_agent.config_file();
    let config = config.to_str().unwrap();
    let nobody = output(&["status", "--config", config]).await;
    assert_eq!(nobody.status.code(), Some(1));
    assert!(text(&nobody.stderr).contains("[agent_not_running]"), "{nobody:?}");

    let enrolled = test_agent.enrol(&edge.enrol_string()).await.unwrap();
    let mut running = agent(&["run", "--config", config]).spawn().unwrap();
    let (mut link, _) = edge.welcome().await;
    for (id, action, args) in [
        ("a", "set", json!({ "value": true })),
        ("b", "toggle", json!({})),
        ("c", "pulse", json!({ "ms": 1 })),
    ] {
        let order = link.order(id, "lamp", action, args).sign();
        link.command(order).await;
    }
    let status = output(&["status", "--config", config, "--json"]).await;
    let status: serde_json::Value = serde_json::from_slice(&status.stdout).unwrap();
    assert_eq!((&status["device"], &status["site"]), (&json!("porch"), &json!("home")));
    assert_eq!((&status["edge"], &status["link"]["state"]), (&json!(edge.url()), &json!("connected")));
    assert_eq!(status["key"], json!(enrolled.key.kid()));
    let key = output(&["status", "--config", config, "--key"]).await;
    assert_eq!(text(&key.stdout), format!("{}\n", enrolled.key.kid()));
    assert_eq!(status["counters"]["connections"], 1);
    assert_eq!(status["counters"]["executed"], 2);
    assert_eq!(status["counters"]["refused"], json!({ "refused_action": 1 }));
    assert!(status["counters"]["bytes_sent"].as_u64().unwrap() > 100, "{status}");
    assert!(status["clock"]["ahead_ms"].as_i64().unwrap().abs() < 5_000, "{status}");
    assert!(status["memory_kib"].as_u64().unwrap() > 1_000);
    let lines = status["lines"].as_array().unwrap();
    assert_eq!((&lines[1]["name"], &lines[1]["level"]), (&json!("lamp"), &json!(false)));
    assert_eq!(lines[3]["driver"], "gpio NO_SUCH_LINE");
    assert!(lines[3]["fault"].as_str().is_some() && lines[3]["level"].is_null(), "{status}");
    let shown = text(&output(&["status", "--config", config]).await.stdout);
    assert!(shown.contains("connected for") && shown.contains("refused_action: 1"), "{shown}");
    assert!(shown.contains("lamp") && shown.contains("2 executed, 1 refused, 0 expired"), "{shown}");

    link.close(4409).await;
    // The status is queried repeatedly, because the agent has possibly not received the close frame yet.
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let shown = text(&output(&["status", "--config", config]).await.stdout);
        if shown.contains("not connected, next attempt in") && shown.contains("(replaced)") {
            break;
        }
        assert!(tokio::time::Instant::now() < deadline, "{shown}");
    }
    signal(&running, Signal::TERM);
    running.wait().await.unwrap();
    assert!(!test_agent.folder.path().join("agent.sock").exists());
}
