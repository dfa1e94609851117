//! The progress of an enrolment, from a new enrolment string to the device's first connection.

use pinlatch_protocol::name::Name;
use pinlatch_protocol::panel::DeviceView;

/// A device for which an enrolment string was created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enrolling {
    pub device: Name,
    /// The end of the certificate's validity before the enrolment, in seconds of Unix time. The value is `None` for a
    /// new device.
    pub before: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// The enrolment string was not used yet.
    Waiting,
    Enrolled,
    Connected,
}

impl Enrolling {
    /// Determines the progress from the present state of the device. Each enrolment gives the device a certificate that
    /// ends later.
    pub fn progress(&self, device: Option<&DeviceView>) -> Progress {
        match device {
            Some(device) if device.certificate_exp == self.before => Progress::Waiting,
            Some(device) if device.online => Progress::Connected,
            Some(_) => Progress::Enrolled,
            None => Progress::Waiting,
        }
    }
}

impl Progress {
    /// Returns the value of the attribute `data-progress`.
    pub fn mark(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Enrolled => "enrolled",
            Self::Connected => "connected",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_enrolment_is_noticed_for_new_and_for_replaced_devices() {
        let device = |online: bool, certificate: u64| {
            let view = serde_json::json!({
                "name": "porch", "online": online, "last_seen_ms": null, "version": null, "lines": [],
                "certificate_exp": certificate,
            });
            serde_json::from_value::<DeviceView>(view).unwrap()
        };
        let porch = Name::new("porch").unwrap();
        let new = Enrolling { device: porch.clone(), before: None };
        assert_eq!(new.progress(None), Progress::Waiting);
        assert_eq!(new.progress(Some(&device(false, 7))), Progress::Enrolled);
        assert_eq!(new.progress(Some(&device(true, 7))), Progress::Connected);
        let replaced = Enrolling { device: porch, before: Some(7) };
        assert_eq!(
            replaced.progress(Some(&device(true, 7))),
            Progress::Waiting,
            "the old computer is online"
        );
        assert_eq!(replaced.progress(Some(&device(false, 8))), Progress::Enrolled);
        assert_eq!(replaced.progress(Some(&device(true, 8))), Progress::Connected);
    }
}
