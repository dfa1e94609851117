//! Decides which movements of a pointer are a drag of a slider. A finger that scrolls the page over a slider, and a
//! finger that only taps the slider, must not move the slider. Plain Rust with native tests.

/// The horizontal movement, in pixels, after which a finger on the track drags the slider.
const TRACK_SLOP: f64 = 8.0;
/// The horizontal movement, in pixels, after which a finger on the thumb drags the slider.
const THUMB_SLOP: f64 = 3.0;
/// A touch target has at least this distance in pixels from its centre to its edge.
const REACH: f64 = 22.0;

/// The geometry of a slider. All lengths are in pixels, and places are measured from the left edge of the slider.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scale {
    pub width: f64,
    /// The radius of the thumb.
    pub thumb: f64,
    /// The greatest value. The smallest value is 0.
    pub most: f64,
}

impl Scale {
    fn room(self) -> f64 {
        (self.width - 2.0 * self.thumb).max(1.0)
    }

    /// Returns the place of the thumb's centre at a value.
    fn place(self, value: f64) -> f64 {
        self.thumb + value / self.most * self.room()
    }

    /// Returns the value whose thumb has its centre at a place.
    fn value(self, place: f64) -> f64 {
        ((place - self.thumb) / self.room() * self.most).round().clamp(0.0, self.most)
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Phase {
    /// The finger has not yet moved far enough.
    Undecided,
    Dragging,
    /// The finger moved vertically first, so it scrolls the page.
    Scrolling,
}

/// One press of a pointer on a slider, from `pointerdown` to `pointerup`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Drag {
    /// The id of the pointer.
    pub pointer: i32,
    scale: Scale,
    began: (f64, f64),
    /// The distance from the centre of the thumb to the pointer, if the press began on the thumb.
    grip: Option<f64>,
    phase: Phase,
    /// The value before the drag, and the chosen value.
    values: (f64, f64),
}

impl Drag {
    /// Begins at the place `at` of the slider. `value` is the value of the slider now. A mouse (`precise`) chooses a
    /// value at once, and a finger or pen only after a horizontal movement.
    pub fn begin(scale: Scale, pointer: i32, precise: bool, at: (f64, f64), value: f64) -> Self {
        let from_centre = at.0 - scale.place(value);
        let reach = if precise { scale.thumb } else { scale.thumb.max(REACH) };
        let grip = Some(from_centre).filter(|distance| distance.abs() <= reach);
        let phase = if precise { Phase::Dragging } else { Phase::Undecided };
        let mut drag = Self { pointer, scale, began: at, grip, phase, values: (value, value) };
        drag.follow(at.0);
        drag
    }

    /// Handles a movement to the place `at`.
    pub fn move_to(&mut self, at: (f64, f64)) {
        let (across, along) = ((at.0 - self.began.0).abs(), (at.1 - self.began.1).abs());
        let slop = if self.grip.is_some() { THUMB_SLOP } else { TRACK_SLOP };
        if self.phase == Phase::Undecided {
            self.phase = match (across > slop && across > along, along > TRACK_SLOP) {
                (true, _) => Phase::Dragging,
                (false, true) => Phase::Scrolling,
                (false, false) => Phase::Undecided,
            };
        }
        self.follow(at.0);
    }

    fn follow(&mut self, place: f64) {
        if self.phase == Phase::Dragging {
            let centre = place - self.grip.unwrap_or_default();
            let moved = self.grip.is_none() || (place - self.began.0).abs() >= 1.0;
            self.values.1 = if moved { self.scale.value(centre) } else { self.values.0 };
        }
    }

    /// Returns the chosen value. Returns `None` if the pointer does not drag the slider.
    pub fn value(&self) -> Option<f64> {
        (self.phase == Phase::Dragging).then_some(self.values.1)
    }

    /// Returns the chosen value if the drag has changed the value.
    pub fn changed(&self) -> Option<f64> {
        self.value().filter(|value| *value != self.values.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A slider from 0 to 100 whose thumb moves by one value a pixel. At the value 25, the thumb is at the place 35.
    const SCALE: Scale = Scale { width: 120.0, thumb: 10.0, most: 100.0 };

    fn press(precise: bool, place: f64) -> Drag {
        Drag::begin(SCALE, 1, precise, (place, 20.0), 25.0)
    }

    fn after(mut drag: Drag, moves: &[(f64, f64)]) -> Option<f64> {
        moves.iter().for_each(|(across, along)| drag.move_to((*across, 20.0 + along)));
        drag.changed()
    }

    #[test]
    fn a_finger_that_scrolls_or_taps_moves_nothing() {
        assert_eq!(after(press(false, 90.0), &[]), None, "a tap on the track");
        assert_eq!(after(press(false, 90.0), &[(94.0, 6.0), (92.0, 40.0), (40.0, 80.0)]), None, "a scroll");
        assert_eq!(after(press(false, 36.0), &[(37.0, 6.0), (38.0, 40.0)]), None, "a scroll from the thumb");
        assert_eq!(after(press(false, 90.0), &[(97.0, 0.0)]), None, "a finger that trembles");
    }

    #[test]
    fn a_finger_drags_the_thumb_or_moves_across() {
        assert_eq!(after(press(false, 40.0), &[(60.0, 2.0)]), Some(45.0), "the thumb keeps its distance");
        assert_eq!(after(press(false, 80.0), &[(90.0, 2.0)]), Some(80.0), "the thumb comes to the finger");
        assert_eq!(
            after(press(false, 40.0), &[(60.0, 2.0), (60.0, 90.0)]),
            Some(45.0),
            "a drag stays a drag"
        );
        assert_eq!(after(press(false, 40.0), &[(900.0, 0.0)]), Some(100.0));
        assert_eq!(after(press(false, 40.0), &[(60.0, 0.0), (40.0, 0.0)]), None, "the thumb is back");
    }

    #[test]
    fn a_mouse_chooses_at_once() {
        assert_eq!(after(press(true, 90.0), &[]), Some(80.0));
        assert_eq!(after(press(true, 40.0), &[]), None, "a click on the thumb");
        assert_eq!(after(press(true, 40.0), &[(60.0, 50.0)]), Some(45.0));
    }
}
