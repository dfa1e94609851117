//! Tests the PWM driver on a copy of the kernel's sysfs tree (`Documentation/ABI/testing/sysfs-class-pwm`). Writes to
//! the copy follow the rules of the kernel's PWM core. The kernel function `pwm_apply_state` rejects a period of 0 and
//! a duty cycle that is longer than the period. The kernel's documentation allows a change of polarity only while the
//! channel is disabled.

use std::cell::RefCell;
use std::fs;
use std::os::unix::fs::symlink;
use std::rc::Rc;

use tempfile::TempDir;

use super::*;

/// Checks each write in the same way as the kernel, and records the write.
#[derive(Clone, Default)]
struct Judge {
    writes: Rc<RefCell<Vec<String>>>,
    /// The numbers of the channels that another program uses.
    taken: Vec<&'static str>,
}

fn refused(kind: ErrorKind) -> io::Result<()> {
    Err(kind.into())
}

impl Attributes for Judge {
    fn write(&self, path: &Path, value: &str) -> io::Result<()> {
        let folder = path.parent().unwrap();
        let name = sysfs::name_of(path).unwrap();
        self.writes.borrow_mut().push(format!("{}/{name} {value}", sysfs::name_of(folder).unwrap()));
        if name == "export" {
            if self.taken.contains(&value) {
                return refused(ErrorKind::ResourceBusy);
            }
            channel(folder, value, 0, 0, "normal", 0);
            return Ok(());
        }
        let get = |name: &str| sysfs::read(&folder.join(name)).unwrap();
        let number = |name: &str| get(name).parse::<u64>().unwrap();
        let (mut period, mut duty, enabled) = (number("period"), number("duty_cycle"), number("enable") != 0);
        match name {
            "period" => period = value.parse().unwrap(),
            "duty_cycle" => duty = value.parse().unwrap(),
            "polarity" if enabled => return refused(ErrorKind::ResourceBusy),
            "polarity" => assert!(["normal", "inversed"].contains(&value)),
            "enable" => assert!(["0", "1"].contains(&value)),
            _ => panic!("{}", path.display()),
        }
        if period == 0 || duty > period {
            return refused(ErrorKind::InvalidInput);
        }
        sysfs::write(path, &format!("{value}\n"))?;
        // The function `sysfs::write` does not truncate the file. In a regular file, the end of a longer old value
        // would remain, so the test writes the value again.
        fs::write(path, format!("{value}\n"))
    }
}

fn channel(chip: &Path, number: &str, period: u64, duty: u64, polarity: &str, enable: u8) {
    let folder = chip.join(format!("pwm{number}"));
    fs::create_dir(&folder).unwrap();
    for (name, value) in [
        ("period", period.to_string()),
        ("duty_cycle", duty.to_string()),
        ("polarity", polarity.into()),
        ("enable", enable.to_string()),
    ] {
        fs::write(folder.join(name), value + "\n").unwrap();
    }
}

/// Creates the sysfs tree of the two PWM chips of a Raspberry Pi 4. The path `class/pwm/pwmchipN` is a symbolic link
/// into the folder `devices`. The symbolic link `device` of a chip points back to the chip's device.
fn tree() -> (TempDir, PathBuf) {
    let sysfs = tempfile::tempdir().unwrap();
    fs::create_dir_all(sysfs.path().join("class/pwm")).unwrap();
    for (number, device) in [(0, "fe20c000.pwm"), (2, "fe20c800.pwm")] {
        let real = sysfs.path().join(format!("devices/platform/soc/{device}/pwm/pwmchip{number}"));
        fs::create_dir_all(&real).unwrap();
        for (name, value) in [("npwm", "2\n"), ("export", ""), ("unexport", "")] {
            fs::write(real.join(name), value).unwrap();
        }
        symlink("../../../".to_owned() + device, real.join("device")).unwrap();
        let link = sysfs.path().join(format!("class/pwm/pwmchip{number}"));
        symlink(format!("../../devices/platform/soc/{device}/pwm/pwmchip{number}"), link).unwrap();
    }
    let chip = sysfs.path().join("class/pwm/pwmchip2");
    (sysfs, chip)
}

fn light(channels: &[u32], gamma: f64) -> PwmConfig {
    PwmConfig {
        chip: "fe20c800.pwm".into(),
        channels: channels.into(),
        period_ns: 1_000_000,
        active_low: false,
        shape: Shape::Light { gamma },
    }
}

fn open(sysfs: &TempDir, config: &PwmConfig, start: Level) -> (Result<PwmOutput<Judge>, DriverError>, Judge) {
    let judge = Judge::default();
    (PwmOutput::open(judge.clone(), sysfs.path(), config, start, Instant::now()), judge)
}

fn taken(judge: &Judge) -> Vec<String> {
    std::mem::take(&mut judge.writes.borrow_mut())
}

#[test]
fn a_new_channel_is_exported_and_started_in_the_kernels_order() {
    let (sysfs, _) = tree();
    let (output, judge) = open(&sysfs, &light(&[1], 1.0), Level::Number(0.0));
    let mut output = output.unwrap();
    let expected =
        ["pwmchip2/export 1", "pwm1/period 1000000", "pwm1/duty_cycle 0", "pwm1/enable 1"].map(String::from);
    assert_eq!(taken(&judge), expected);
    output.set(Level::Number(0.25)).unwrap();
    assert_eq!(taken(&judge), ["pwm1/duty_cycle 250000"]);
    output.set(Level::Number(1.0)).unwrap();
    assert_eq!(taken(&judge), ["pwm1/duty_cycle 1000000"], "the duty cycle equals the period");
    assert!(output.set(Level::On(true)).is_err());
}

#[test]
fn a_running_channel_gets_another_period_and_polarity() {
    let (sysfs, chip) = tree();
    // The channel is enabled, and its duty cycle is longer than the new period. A killed agent that controlled a servo
    // leaves an enabled channel with a long duty cycle.
    channel(&chip, "0", 20_000_000, 1_500_000, "normal", 1);
    let inversed = PwmConfig { active_low: true, ..light(&[0], 1.0) };
    let (output, judge) = open(&sysfs, &inversed, Level::Number(0.5));
    output.unwrap();
    let expected = [
        "pwm0/duty_cycle 0",
        "pwm0/period 1000000",
        "pwm0/enable 0",
        "pwm0/polarity inversed",
        "pwm0/duty_cycle 500000",
        "pwm0/enable 1",
    ];
    assert_eq!(taken(&judge), expected);
    let (again, judge) = open(&sysfs, &inversed, Level::Number(0.0));
    again.unwrap();
    assert_eq!(taken(&judge), ["pwm0/duty_cycle 0"], "nothing else had to change");
}

#[test]
fn colours_are_three_channels_and_gamma_is_a_power() {
    let (sysfs, _) = tree();
    let npwm = sysfs.path().join("class/pwm/pwmchip2/npwm");
    fs::write(npwm, "3\n").unwrap();
    let (output, judge) = open(&sysfs, &light(&[2, 1, 0], 2.0), Level::Colour(Rgb(0, 0, 0)));
    let mut output = output.unwrap();
    taken(&judge);
    output.set(Level::Colour(Rgb(255, 51, 0))).unwrap();
    assert_eq!(taken(&judge), ["pwm2/duty_cycle 1000000", "pwm1/duty_cycle 40000", "pwm0/duty_cycle 0"]);
}

#[test]
fn a_servo_turns_between_its_two_pulses() {
    let (sysfs, _) = tree();
    let turn = |at_0, at_180, degrees| {
        let shape = Shape::Servo { at_0, at_180 };
        duties(&PwmConfig { period_ns: 20_000_000, shape, ..light(&[0], 1.0) }, Level::Number(degrees))
            .unwrap()[0]
    };
    assert_eq!(
        [0.0, 90.0, 180.0].map(|angle| turn(500_000, 2_500_000, angle)),
        [500_000, 1_500_000, 2_500_000]
    );
    assert_eq!([0.0, 180.0].map(|angle| turn(2_000_000, 1_000_000, angle)), [2_000_000, 1_000_000]);
    drop(sysfs);
}

#[test]
fn errors_name_what_there_is() {
    let (sysfs, _) = tree();
    let fault = |config: &PwmConfig| open(&sysfs, config, Level::Number(0.0)).0.map(drop).unwrap_err().0;
    let elsewhere = fault(&PwmConfig { chip: "1-0040".into(), ..light(&[0], 1.0) });
    assert!(elsewhere.contains("available: fe20c000.pwm, fe20c800.pwm"), "{elsewhere}");
    let beyond = fault(&light(&[2], 1.0));
    assert!(beyond.contains("has 2 channels"), "{beyond}");
    let judge = Judge { taken: vec!["1"], ..Judge::default() };
    let busy = PwmOutput::open(judge, sysfs.path(), &light(&[1], 1.0), Level::Number(0.0), Instant::now());
    let busy = busy.map(drop).unwrap_err().0;
    assert!(busy.starts_with("fe20c800.pwm channel 1 is in use"), "{busy}");
}

#[test]
fn udev_is_waited_for_and_not_for_ever() {
    let (sysfs, chip) = tree();
    /// Exports a channel without its files. Another thread adds the files of the channel later.
    struct Slow(PathBuf);
    impl Attributes for Slow {
        fn write(&self, path: &Path, value: &str) -> io::Result<()> {
            if sysfs::name_of(path) == Some("export") {
                let chip = self.0.clone();
                std::thread::spawn(move || channel(&chip, "0", 0, 0, "normal", 0));
                return Ok(());
            }
            fs::write(path, value)
        }
    }
    let long = Instant::now() + Duration::from_secs(10);
    PwmOutput::open(Slow(chip), sysfs.path(), &light(&[0], 1.0), Level::Number(0.0), long).map(drop).unwrap();

    struct Never;
    impl Attributes for Never {
        fn write(&self, _: &Path, _: &str) -> io::Result<()> {
            Ok(())
        }
    }
    let error = PwmOutput::open(Never, sysfs.path(), &light(&[1], 1.0), Level::Number(0.0), Instant::now());
    assert!(error.map(drop).unwrap_err().0.contains("udev rule"));
}
