//! The boards that QEMU emulates.

use super::pins::State;

/// A board with a GPIO controller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Board {
    /// A Raspberry Pi 3B. It has the kernel's driver `pinctrl-bcm2835`, 54 GPIO lines with the names of the header's
    /// pins, no real-time clock, and a network over USB. QEMU does not forward changes of its inputs.
    Pi3b,
    /// A Raspberry Pi Zero. It has a 32-bit ARMv6 processor, and is otherwise like the 3B.
    PiZero,
    /// QEMU's `virt` board. It has a PL061 with eight unnamed GPIO lines, whose inputs work.
    Virt,
}

/// Address of the BCM2835's GPIO registers.
const BCM2835: u64 = 0x2020_0000;
/// Address of the BCM2837's GPIO registers.
const BCM2837: u64 = 0x3f20_0000;
/// Address of the GPIO registers of `virt`.
const PL061: u64 = 0x0903_0000;

impl Board {
    /// The board's folder in `PINLATCH_GUESTS`.
    pub fn folder(self) -> &'static str {
        match self {
            Self::Pi3b => "pi",
            Self::PiZero => "pi-zero",
            Self::Virt => "virt",
        }
    }

    /// The suffix of the name of the QEMU program, after `qemu-system-`.
    pub fn processor(self) -> &'static str {
        match self {
            Self::Pi3b | Self::Virt => "aarch64",
            Self::PiZero => "arm",
        }
    }

    /// The environment variable that contains the path of the preinstalled agent. `None` on the Pi Zero, where the test
    /// installs the agent.
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

    /// The serial port for commands. On the Pi 3B the kernel uses the PL011 only for its messages, because the PL011
    /// needs the firmware's GPIO, which QEMU lacks.
    pub fn serial(self) -> &'static str {
        match self {
            Self::Pi3b => "ttyS1",
            Self::PiZero | Self::Virt => "ttyAMA0",
        }
    }

    /// Additional kernel options. When an output is released, Raspberry Pi OS keeps its pin driven. In the mainline
    /// kernel this behaviour is an option.
    pub fn kernel_options(self) -> &'static str {
        match self {
            Self::Pi3b => "pinctrl_bcm2835.persist_gpio_outputs=1",
            // The kernel of the Pi Zero has no such option yet. Also, it crashes in the driver of a power controller
            // that QEMU lacks.
            Self::PiZero => "initcall_blacklist=bcm2835_power_driver_init",
            Self::Virt => "",
        }
    }

    /// Whether QEMU needs a device tree file for the kernel.
    pub fn has_device_tree(self) -> bool {
        self != Self::Virt
    }

    /// QEMU's type name of the GPIO controller.
    pub fn gpio_type(self) -> &'static str {
        match self {
            Self::Pi3b | Self::PiZero => "bcm2835_gpio",
            Self::Virt => "pl061",
        }
    }

    /// Whether a pin's interrupt is pending, as the controller's registers show.
    pub fn has_interrupt(self, pin: u32, read: impl Fn(u64) -> u32) -> bool {
        match self {
            // QEMU's Pi has no pin interrupts.
            Self::Pi3b | Self::PiZero => false,
            Self::Virt => read(PL061 + 0x414) >> pin & 1 == 1,
        }
    }

    /// The pin's direction and level, as the controller's registers show. On a Pi the level register of an input pin
    /// still contains the pin's last output level, so the level is used only if the pin is an output.
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
