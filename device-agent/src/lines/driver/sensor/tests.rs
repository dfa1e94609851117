//! Tests the sensor driver on a copy of the kernel's sysfs tree. The kernel documents the tree in
//! `Documentation/ABI/testing/sysfs-bus-iio`, `Documentation/hwmon/sysfs-interface.rst` and
//! `Documentation/w1/slaves/w1_therm.rst`.

use std::fs;
use std::os::unix::fs::symlink;

use tempfile::TempDir;

use super::*;

/// Writes the files of a device into the folder `devices`. The function also adds the symbolic link from the device's
/// bus or class to the device. For a hwmon device, the function adds the symbolic link `device` to the parent device.
fn device(sysfs: &TempDir, real: &str, link: &str, files: &[(&str, &str)]) {
    let (real_path, link_path) = (sysfs.path().join("devices").join(real), sysfs.path().join(link));
    fs::create_dir_all(&real_path).unwrap();
    fs::create_dir_all(link_path.parent().unwrap()).unwrap();
    for (name, text) in files {
        fs::write(real_path.join(name), text).unwrap();
    }
    let up = "../".repeat(link.matches('/').count());
    symlink(format!("{up}devices/{real}"), link_path).unwrap();
    if link.starts_with("class/hwmon") {
        symlink("../..", real_path.join("device")).unwrap();
    }
}

fn tree() -> TempDir {
    let sysfs = tempfile::tempdir().unwrap();
    device(
        &sysfs,
        "platform/soc/1-0076/iio:device0",
        "bus/iio/devices/iio:device0",
        &[
            ("name", "bme280\n"),
            ("in_temp_input", "21437\n"),
            ("in_pressure_input", "101.325000000\n"),
            ("in_humidityrelative_input", "45123\n"),
        ],
    );
    for (number, parent) in [(1, "1-0048"), (2, "1-0049")] {
        device(
            &sysfs,
            &format!("platform/soc/{parent}/iio:device{number}"),
            &format!("bus/iio/devices/iio:device{number}"),
            &[
                ("name", "ads1015\n"),
                ("in_voltage0_raw", "1000\n"),
                ("in_voltage0_scale", "2.000000000\n"),
                ("in_voltage1_raw", "1000\n"),
                ("in_voltage_scale", "3.000000000\n"),
                ("in_voltage_offset", "-500\n"),
                ("in_voltage2_raw", "none\n"),
            ],
        );
    }
    device(
        &sysfs,
        "virtual/thermal/thermal_zone0/hwmon/hwmon0",
        "class/hwmon/hwmon0",
        &[("name", "cpu_thermal\n"), ("temp1_input", "48312\n")],
    );
    device(
        &sysfs,
        "platform/gpio-fan/hwmon/hwmon3",
        "class/hwmon/hwmon3",
        &[
            ("name", "ina226\n"),
            ("in1_input", "5012\n"),
            ("curr1_input", "-250\n"),
            ("power1_input", "1253000\n"),
            ("fan1_input", "3200\n"),
        ],
    );
    device(
        &sysfs,
        "w1_bus_master1/28-00000abcdef0",
        "bus/w1/devices/28-00000abcdef0",
        &[("temperature", "-1062\n")],
    );
    device(
        &sysfs,
        "w1_bus_master1/28-00000abcdef1",
        "bus/w1/devices/28-00000abcdef1",
        &[("w1_slave", "5e 01 4b 46 7f ff 0c 10 7d : crc=7d YES\n5e 01 4b 46 7f ff 0c 10 7d t=21875\n")],
    );
    device(
        &sysfs,
        "w1_bus_master1/28-00000abcdef2",
        "bus/w1/devices/28-00000abcdef2",
        &[("w1_slave", "ff ff ff ff ff ff ff ff ff : crc=c9 NO\n5e 01 4b 46 7f ff 0c 10 7d t=-62\n")],
    );
    device(&sysfs, "w1_bus_master1", "bus/w1/devices/w1_bus_master1", &[("w1_master_name", "x\n")]);
    sysfs
}

fn iio_at(sysfs: &TempDir, device: &str, channel: &str) -> Result<f64, String> {
    let place = SensorPlace::Iio { device: device.into(), channel: channel.into() };
    read(sysfs.path(), &place).map_err(|error| error.0)
}

fn hwmon_at(sysfs: &TempDir, device: &str, channel: &str) -> Result<f64, String> {
    let place = SensorPlace::Hwmon { device: device.into(), channel: channel.into() };
    read(sysfs.path(), &place).map_err(|error| error.0)
}

fn w1_at(sysfs: &TempDir, device: &str) -> Result<f64, String> {
    read(sysfs.path(), &SensorPlace::W1 { device: device.into() }).map_err(|error| error.0)
}

fn near(found: Result<f64, String>, wanted: f64) {
    let found = found.unwrap();
    assert!((found - wanted).abs() < 1e-9, "{found} is not {wanted}");
}

#[test]
fn iio_is_processed_or_raw_with_offset_and_scale() {
    let sysfs = tree();
    near(iio_at(&sysfs, "bme280", "in_temp"), 21.437);
    near(iio_at(&sysfs, "bme280", "in_pressure"), 1_013.25);
    near(iio_at(&sysfs, "bme280", "in_humidityrelative"), 45.123);
    near(iio_at(&sysfs, "1-0048", "in_voltage0"), (1_000.0 - 500.0) * 2.0 / 1_000.0);
    near(iio_at(&sysfs, "1-0049", "in_voltage1"), (1_000.0 - 500.0) * 3.0 / 1_000.0);
}

#[test]
fn hwmon_is_in_thousandths_and_millionths() {
    let sysfs = tree();
    near(hwmon_at(&sysfs, "cpu_thermal", "temp1"), 48.312);
    near(hwmon_at(&sysfs, "thermal_zone0", "temp1"), 48.312);
    near(hwmon_at(&sysfs, "ina226", "in1"), 5.012);
    near(hwmon_at(&sysfs, "ina226", "curr1"), -0.25);
    near(hwmon_at(&sysfs, "ina226", "power1"), 1.253);
    near(hwmon_at(&sysfs, "ina226", "fan1"), 3_200.0);
}

#[test]
fn one_wire_has_two_forms_and_a_checksum() {
    let sysfs = tree();
    near(w1_at(&sysfs, "28-00000abcdef0"), -1.062);
    near(w1_at(&sysfs, "28-00000abcdef1"), 21.875);
    assert!(w1_at(&sysfs, "28-00000abcdef2").unwrap_err().contains("checksum"));
    fs::write(sysfs.path().join("bus/w1/devices/28-00000abcdef0/temperature"), "").unwrap();
    assert!(w1_at(&sysfs, "28-00000abcdef0").unwrap_err().contains("the reading is \"\""));
}

#[test]
fn errors_name_what_there_is() {
    let sysfs = tree();
    let gone = w1_at(&sysfs, "28-ffffffffffff").unwrap_err();
    assert!(gone.contains("28-00000abcdef0, 28-00000abcdef1") && !gone.contains("master"), "{gone}");
    let several = iio_at(&sysfs, "ads1015", "in_voltage0").unwrap_err();
    assert!(several.contains("1-0048, 1-0049"), "{several}");
    assert!(iio_at(&sysfs, "tmp102", "in_temp").unwrap_err().contains("bme280, ads1015"));
    assert!(iio_at(&sysfs, "bme280", "in_illuminance").unwrap_err().contains("no channel"));
    assert!(iio_at(&sysfs, "1-0048", "in_voltage2").unwrap_err().contains("contains \"none\""));
    assert!(hwmon_at(&sysfs, "ina226", "temp1").unwrap_err().contains("no channel"));
}

#[test]
fn nothing_there_is_no_fault_of_the_survey() {
    let empty = tempfile::tempdir().unwrap();
    assert_eq!((iio(empty.path()).len(), hwmon(empty.path()).len(), w1(empty.path()).len()), (0, 0, 0));
    let sysfs = tree();
    let [bme, ..] = &iio(sysfs.path())[..] else { panic!() };
    assert_eq!(channels(bme, "in_"), ["in_humidityrelative", "in_pressure", "in_temp"]);
    assert_eq!(w1(sysfs.path()).len(), 3);
}
