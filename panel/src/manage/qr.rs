//! QR codes as drawings.

#[cfg(test)]
mod tests;

use std::fmt::Write;

use qrcode::{Color, EcLevel, QrCode};

/// The empty border that readers need, in modules (ISO/IEC 18004).
const QUIET: usize = 4;

/// A QR code as the path of an SVG.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drawing {
    /// The side of the picture, in modules, with its border.
    pub side: usize,
    /// The dark modules.
    pub path: String,
}

/// Draws a text; `None` where it is too long for any QR code.
pub fn draw(text: &str) -> Option<Drawing> {
    // Short texts survive a scratch; long ones had better keep their modules large.
    let level = if text.len() <= 200 { EcLevel::M } else { EcLevel::L };
    let code = QrCode::with_error_correction_level(text, level).ok()?;
    let width = code.width();
    let mut path = String::new();
    for (y, row) in code.to_colors().chunks(width).enumerate() {
        let mut x = 0;
        for run in row.chunk_by(|one, next| one == next) {
            let length = run.len();
            if run.first() == Some(&Color::Dark) {
                write!(path, "M{} {}h{length}v1h-{length}z", x + QUIET, y + QUIET).ok()?;
            }
            x += length;
        }
    }
    Some(Drawing { side: width + 2 * QUIET, path })
}
