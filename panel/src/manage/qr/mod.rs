//! Draws QR codes as SVG.

#[cfg(test)]
mod tests;

use std::fmt::Write;

use qrcode::{Color, EcLevel, QrCode};

/// The width of the quiet zone around a QR code, in modules (ISO/IEC 18004).
const QUIET: usize = 4;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drawing {
    /// The side length of the QR code in modules, including the quiet zone.
    pub side: usize,
    /// The SVG path of the dark modules.
    pub path: String,
}

/// Draws the QR code of a text. Returns `None` if the text is too long for a QR code.
pub fn draw(text: &str) -> Option<Drawing> {
    // A short text gets more error correction. A long text gets less error correction, so that the modules of the QR
    // code are large enough to scan.
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
