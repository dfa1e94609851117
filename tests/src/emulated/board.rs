//! The machines that QEMU can be.

use super::pins::State;

/// A machine with a GPIO controller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Board {
    /// A Raspberry Pi 3B: the kernel's `pinctrl-bcm2835`, 54 lines named as on the header, no clock that knows the
    /// date, its network behind USB. QEMU passes on no changes of its inputs.
    Pi3b,
    /// A Raspberry Pi Zero, with an ARMv6 processor of 32 bits; else as the 3B.
    PiZero,
    /// QEMU's own board: a PL061 with eight lines without names, inputs included.
    Virt,
}

/// GPIO registers of the BCM2835.
const BCM2835: u64 = 0x2020_0000;
/// GPIO registers of the BCM2837.
const BCM2837: u64 = 0x3f20_0000;
/// GPIO registers of `virt`.
const PL061: u64 = 0x0903_0000;

impl Board {
    /// Its folder among the guests.
    pub fn folder(self) -> &'static str {
        match self {
            Self::Pi3b => "pi",
            Self::PiZero => "pi-zero",
            Self::Virt => "virt",
        }
    }

    /// The QEMU that it runs on, by the name of its processor.
    pub fn processor(self) -> &'static str {
        match self {
            Self::Pi3b | Self::Virt => "aarch64",
            Self::PiZero => "arm",
        }
    }

    /// The variable with the agent that it has from the start; on the Zero it is installed.
    pub fn agent(self) -> Option<&'static str> {
        (self != Self::PiZero).then_some("PINLATCH_AGENT_ARM64")
    }

    /// What QEMU is told.
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

    /// The serial line for commands. On the Pi the kernel has the PL011 for its messages only, since in QEMU the
    /// firmware's GPIO that it hangs on is missing.
    pub fn serial(self) -> &'static str {
        match self {
            Self::Pi3b => "ttyS1",
            Self::PiZero | Self::Virt => "ttyAMA0",
        }
    }

    /// What else the kernel is told. Raspberry Pi OS leaves the pins of a released output driven, which is a choice
    /// in the kernel as everybody else has it.
    pub fn kernel_options(self) -> &'static str {
        match self {
            Self::Pi3b => "pinctrl_bcm2835.persist_gpio_outputs=1",
            // Its kernel is older than that choice, and dies of a power controller that QEMU has not got.
            Self::PiZero => "initcall_blacklist=bcm2835_power_driver_init",
            Self::Virt => "",
        }
    }

    /// Whether the kernel needs to be told what the machine is made of.
    pub fn has_device_tree(self) -> bool {
        self != Self::Virt
    }

    /// QEMU's type of the GPIO controller.
    pub fn gpio_type(self) -> &'static str {
        match self {
            Self::Pi3b | Self::PiZero => "bcm2835_gpio",
            Self::Virt => "pl061",
        }
    }

    /// Reads the controller's registers: whether the kernel has not yet taken a pin's interrupt.
    pub fn has_interrupt(self, pin: u32, read: impl Fn(u64) -> u32) -> bool {
        match self {
            // QEMU's Pi has no interrupts of pins.
            Self::Pi3b | Self::PiZero => false,
            Self::Virt => read(PL061 + 0x414) >> pin & 1 == 1,
        }
    }

    /// Reads the controller's registers: what the pin is, and at which level. On a Pi a pin that is no output still
    /// has the level that it would be driven to.
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
