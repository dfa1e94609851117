//! Describes the boards that QEMU emulates.

use super::state::State;

/// An emulated board with a GPIO controller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Board {
    /// A Raspberry Pi 3B, whose 54 GPIO lines have the names of the header's pins. The Raspberry Pi 3B uses the kernel
    /// driver `pinctrl-bcm2835` and a USB network, and has no real-time clock. QEMU does not forward changes of the
    /// input pins of a Raspberry Pi to the guest.
    Pi3b,
    /// A Raspberry Pi Zero, which has a 32-bit ARMv6 processor. In all other respects, the emulated Pi Zero works like
    /// the emulated Pi 3B.
    PiZero,
    /// QEMU's generic board `virt`, which has a PL061 controller with eight unnamed GPIO lines. QEMU emulates the
    /// inputs of the PL061.
    Virt,
}

/// The address of the GPIO registers of the BCM2835.
const BCM2835: u64 = 0x2020_0000;
/// The address of the GPIO registers of the BCM2837.
const BCM2837: u64 = 0x3f20_0000;
/// The address of the GPIO registers of the board `virt`.
const PL061: u64 = 0x0903_0000;

impl Board {
    /// Returns the name of the board's folder in `PINLATCH_GUESTS`.
    pub fn folder(self) -> &'static str {
        match self {
            Self::Pi3b => "pi",
            Self::PiZero => "pi-zero",
            Self::Virt => "virt",
        }
    }

    /// Returns the part of the QEMU program's name that follows `qemu-system-`.
    pub fn processor(self) -> &'static str {
        match self {
            Self::Pi3b | Self::Virt => "aarch64",
            Self::PiZero => "arm",
        }
    }

    /// Returns the environment variable that contains the path of the preinstalled agent. Returns `None` for the Pi
    /// Zero, because its test installs the agent from a package.
    pub fn agent(self) -> Option<&'static str> {
        (self != Self::PiZero).then_some("PINLATCH_AGENT_ARM64")
    }

    pub fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::Pi3b => &["-machine", "raspi3b", "-device", "usb-net,netdev=n0,port=1"],
            Self::PiZero => &["-machine", "raspi0", "-device", "usb-net,netdev=n0"],
            Self::Virt => &[
                "-machine",
                "virt",
                "-cpu",
                "cortex-a53",
                "-m",
                "256",
                "-device",
                "virtio-net-device,netdev=n0",
            ],
        }
    }

    /// Returns the serial port on which the board receives commands. On the Pi 3B, the other serial port (PL011)
    /// carries only kernel messages, because the PL011 driver needs GPIO lines of the firmware, which QEMU lacks.
    pub fn serial(self) -> &'static str {
        match self {
            Self::Pi3b => "ttyS1",
            Self::PiZero | Self::Virt => "ttyAMA0",
        }
    }

    /// Returns additional kernel options. Raspberry Pi OS keeps a released output pin driven. The mainline kernel keeps
    /// a released output pin driven only if a kernel option is set.
    pub fn kernel_options(self) -> &'static str {
        match self {
            Self::Pi3b => "pinctrl_bcm2835.persist_gpio_outputs=1",
            // The kernel of the Pi Zero has no option to keep released outputs driven. In addition, this kernel crashes
            // in the driver of a power controller that QEMU lacks, so the driver is disabled.
            Self::PiZero => "initcall_blacklist=bcm2835_power_driver_init",
            Self::Virt => "",
        }
    }

    /// Returns whether QEMU needs a device tree file for the board's kernel.
    pub fn has_device_tree(self) -> bool {
        self != Self::Virt
    }

    /// Returns the type name that QEMU uses for the GPIO controller.
    pub fn gpio_type(self) -> &'static str {
        match self {
            Self::Pi3b | Self::PiZero => "bcm2835_gpio",
            Self::Virt => "pl061",
        }
    }

    /// Returns whether an interrupt of the pin is pending in the controller's registers.
    pub fn has_interrupt(self, pin: u32, read: impl Fn(u64) -> u32) -> bool {
        match self {
            // QEMU's emulation of the Raspberry Pi has no pin interrupts.
            Self::Pi3b | Self::PiZero => false,
            Self::Virt => read(PL061 + 0x414) >> pin & 1 == 1,
        }
    }

    /// Returns the direction and the level of a pin, read from the controller's registers. On a Raspberry Pi, the level
    /// register of an input pin still contains the pin's last output level. Therefore the level is used only if the pin
    /// is an output.
    pub fn state(self, pin: u32, read: impl Fn(u64) -> u32) -> State {
        let (output, level) = match self {
            Self::Pi3b | Self::PiZero => {
                let base = if self == Self::Pi3b { BCM2837 } else { BCM2835 };
                let function = read(base + u64::from(pin / 10) * 4) >> (pin % 10 * 3) & 7;
                (function == 1, read(base + 0x34 + u64::from(pin / 32) * 4) >> (pin % 32) & 1)
            }
            Self::Virt => (read(PL061 + 0x400) >> pin & 1 == 1, read(PL061 + (4 << pin)) >> pin & 1),
        };
        if output { State::Driven(level == 1) } else { State::Input }
    }
}
