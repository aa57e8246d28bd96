//! Digits written by the program itself.

use s4::digits::{CLASSES, PIXELS, SIDE};
use s4::strokes::{Hand, spline, strokes};

/// The squared distance of two pictures.
fn distance(one: &[f64], other: &[u8]) -> f64 {
    one.iter().zip(other).map(|(a, &b)| (a - f64::from(b)).powi(2)).sum()
}

#[test]
fn every_digit_is_written_and_stays_on_the_paper() {
    let digits = strokes(2000, 1);
    for digit in 0..CLASSES as u8 {
        let share = digits.labels().iter().filter(|&&label| label == digit).count();
        assert!((150..250).contains(&share), "{share} of 2000 are {digit}");
    }
    for (index, image) in digits.images().enumerate() {
        let ink = image.iter().filter(|&&pixel| pixel > 127).count();
        assert!((25..260).contains(&ink), "picture {index}: {ink} pixels of ink");
        // A margin of a pixel: at most a trace of ink in the outermost rows and columns.
        let edge = (0..PIXELS)
            .filter(|i| [i / SIDE, i % SIDE].iter().any(|&at| at == 0 || at == SIDE - 1));
        let ink = edge.filter(|&i| image[i] > 127).count();
        assert!(
            ink <= 6,
            "picture {index}, a {}: {ink} pixels of ink at the edge",
            digits.label(index)
        );
    }
}

#[test]
fn edges_are_grey() {
    let digits = strokes(100, 2);
    for image in digits.images() {
        let grey = image.iter().filter(|pixel| (20..235).contains(*pixel)).count();
        assert!(grey > 20, "{grey} grey pixels");
    }
}

#[test]
fn no_two_hands_write_alike_and_one_seed_writes_the_same() {
    let (digits, others) = (strokes(300, 3), strokes(300, 4));
    for (index, image) in digits.images().enumerate() {
        assert!(digits.images().skip(index + 1).chain(others.images()).all(|other| other != image));
    }
    assert_eq!(strokes(300, 3), digits);
    assert_eq!(strokes(7, 3), digits.first(7));
    assert!(strokes(0, 3).is_empty());
}

#[test]
fn the_nearest_mean_tells_digits_apart_but_not_all() {
    // Neither noise (10 % would be guessed) nor ten rubber stamps (100 %).
    let (train, test) = (strokes(3000, 5), strokes(1000, 6));
    let mut means = vec![vec![0.0; PIXELS]; CLASSES];
    for (digit, means) in means.iter_mut().enumerate() {
        let of: Vec<usize> =
            (0..train.len()).filter(|&i| usize::from(train.label(i)) == digit).collect();
        for &index in &of {
            for (mean, &pixel) in means.iter_mut().zip(train.image(index)) {
                *mean += f64::from(pixel) / of.len() as f64;
            }
        }
    }
    let nearest = |image: &[u8]| {
        let distances = means.iter().map(|mean| distance(mean, image));
        distances.enumerate().min_by(|a, b| a.1.total_cmp(&b.1)).unwrap().0
    };
    let right =
        (0..test.len()).filter(|&i| nearest(test.image(i)) == usize::from(test.label(i))).count();
    assert!((600..=960).contains(&right), "{right} of 1000");
}

#[test]
fn a_slant_moves_the_top_to_the_right_and_the_bottom_to_the_left() {
    let middle_of_ink = |hand: &Hand, row: usize| {
        let one = hand.write(1);
        let ink: Vec<(f64, f64)> =
            (0..SIDE).map(|x| (x as f64 + 0.5, f64::from(one[SIDE * row + x]))).collect();
        ink.iter().map(|(x, ink)| x * ink).sum::<f64>()
            / ink.iter().map(|(_, ink)| ink).sum::<f64>()
    };
    let steady = Hand::default();
    let slanted = Hand { slant: 0.4, ..Hand::default() };
    for (row, moved) in [(6, 3.0), (13, 0.2), (21, -3.0)] {
        assert!((middle_of_ink(&steady, row) - 14.0).abs() < 1e-9);
        let found = middle_of_ink(&slanted, row) - 14.0;
        assert!((found - moved).abs() < 0.15, "row {row}: expected {moved}, found {found}");
    }
}

#[test]
fn a_spline_goes_through_its_points_and_two_points_make_a_straight_line() {
    let points = [(0.0, 0.0), (1.0, 3.0), (4.0, 2.0), (5.0, 5.0)];
    let line = spline(&points);
    for point in points {
        assert!(line.iter().any(|at| (at.0 - point.0).hypot(at.1 - point.1) < 1e-12), "{point:?}");
    }
    assert!(
        spline(&[(0.0, 1.0), (2.0, 5.0)]).iter().all(|(x, y)| (y - 1.0 - 2.0 * x).abs() < 1e-12)
    );
    assert_eq!((spline(&[]).len(), spline(&[(1.0, 1.0)])[0]), (0, (1.0, 1.0)));
}

#[test]
#[should_panic(expected = "expected a digit from 0 to 9, found 10")]
fn there_is_no_tenth_digit() {
    Hand::default().write(10);
}
