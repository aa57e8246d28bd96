//! Rows of digits to look at.

use std::io::Read as _;

use flate2::read::ZlibDecoder;
use s4::digits::{PIXELS, SIDE};
use s4::pictures::{Row, save, to_png, to_svg, to_terminal};
use s4::strokes::Hand;

/// The chunks of a PNG, sums checked against another way to compute them.
fn chunks(png: &[u8]) -> Vec<(String, Vec<u8>)> {
    assert_eq!(&png[..8], b"\x89PNG\r\n\x1a\n");
    let (mut rest, mut chunks) = (&png[8..], Vec::new());
    while !rest.is_empty() {
        let length = u32::from_be_bytes(rest[..4].try_into().unwrap()) as usize;
        let sum = u32::from_be_bytes(rest[8 + length..][..4].try_into().unwrap());
        assert_eq!(crc(&rest[4..8 + length]), sum);
        let name = String::from_utf8(rest[4..8].to_vec()).unwrap();
        chunks.push((name, rest[8..8 + length].to_vec()));
        rest = &rest[12 + length..];
    }
    chunks
}

/// CRC-32, bit by bit.
fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0_u32, |sum, &byte| {
        (0..8).fold(sum ^ u32::from(byte), |sum, _| (sum >> 1) ^ (0xedb8_8320 * (sum & 1)))
    })
}

/// Width, height and the red, green and blue of each pixel.
fn unpack(png: &[u8]) -> (usize, usize, Vec<[u8; 3]>) {
    let chunks = chunks(png);
    let names: Vec<&str> = chunks.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["IHDR", "IDAT", "IEND"]);
    let size = |at: usize| u32::from_be_bytes(chunks[0].1[at..at + 4].try_into().unwrap()) as usize;
    assert_eq!(chunks[0].1[8..], [8, 2, 0, 0, 0]);
    let mut bytes = Vec::new();
    ZlibDecoder::new(&chunks[1].1[..]).read_to_end(&mut bytes).unwrap();
    assert_eq!(bytes.len(), size(4) * (1 + 3 * size(0)));
    let lines = bytes.chunks(1 + 3 * size(0)).flat_map(|line| {
        assert_eq!(line[0], 0);
        line[1..].chunks(3).map(|colour| [colour[0], colour[1], colour[2]])
    });
    (size(0), size(4), lines.collect())
}

#[test]
fn a_png_holds_each_pixel_scaled_with_a_margin() {
    let (one, two) = (Hand::default().write(1), Hand::default().write(2));
    let (width, height, pixels) = unpack(&to_png(&[Row::whole("", vec![&one, &two])], 3));
    assert_eq!((width, height), (3 * 60, 3 * 30));
    for row in 0..SIDE {
        for column in 0..SIDE {
            let at =
                |x: usize, y: usize| pixels[(3 * (row + 1) + y) * width + 3 * (column + 1) + x];
            let ink = u32::from(one[SIDE * row + column]);
            let grey = (255 - ink * (255 - 0x1c) / 255) as u8;
            assert_eq!([at(0, 0), at(2, 2)], [[grey; 3]; 2], "{row}, {column}");
        }
    }
    let edge = |i: usize| pixels[i] == [255; 3] && pixels[width * i.min(height - 1)] == [255; 3];
    assert!((0..width).all(edge));
    // No rows, and rows without pictures, are paper.
    assert_eq!(unpack(&to_png(&[], 1)).0, 30);
    assert!(
        unpack(&to_png(&[Row::whole("x", vec![])], 1)).2.iter().all(|pixel| *pixel == [255; 3])
    );
}

#[test]
fn what_was_given_has_another_colour_than_what_was_made_up() {
    let full = [255; PIXELS];
    let given = 392;
    let colours = |row: Row| {
        let (width, _, pixels) = unpack(&to_png(&[row], 1));
        [pixels[width * 2 + 2], pixels[width * 14 + 2], pixels[width * 15 + 2]]
    };
    let (input, output, paper) = ([0x00, 0x5f, 0x9e], [0x00, 0x69, 0x5c], [255; 3]);
    assert_eq!(colours(Row::begun("", vec![&full], given)), [input, input, paper]);
    assert_eq!(colours(Row::completed("", vec![&full], given)), [input, input, output]);
    assert_eq!(colours(Row::whole("", vec![&full])), [[0x1c; 3]; 3]);
    let svg = to_svg(&[Row::completed("", vec![&full], given)], "full");
    let (first, second) = (svg.find("var(--ssm-u").unwrap(), svg.find("var(--ssm-y").unwrap());
    assert!(first < second);
    assert!(!to_svg(&[Row::begun("", vec![&full], given)], "half").contains("fill=\"var(--ssm-y"));
}

#[test]
fn a_terminal_shows_two_by_four_pixels_in_a_letter() {
    let mut image = [0; PIXELS];
    image[0] = 255; // first dot of the first cell
    image[SIDE * 3 + 1] = 96; // last dot of the first cell
    image[SIDE + 2] = 255; // second dot of the second cell, to the left
    image[SIDE + 27] = 95; // too light
    image[PIXELS - 1] = 200;
    let text = to_terminal(&[Row::whole("", vec![&image]), Row::begun("half", vec![&image], 392)]);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 7 + 1 + 7);
    assert_eq!((lines[0], lines[1], lines[7]), ("⢁⠂", "", "half"));
    assert_eq!(lines[6], format!("{}⢀", "\u{2800}".repeat(13)));
    assert_eq!((lines[8], lines[14]), ("⢁⠂", ""));
}

#[test]
fn a_vector_covers_each_pixel_once_a_grey() {
    // Neighbours in a row are one rectangle.
    let mut image = [0; PIXELS];
    image[SIDE * 5 + 3..SIDE * 5 + 9].fill(255);
    image[SIDE * 6 + 4] = 40;
    let svg = to_svg(&[Row::whole("one name", vec![&image])], "a & b");
    assert!(svg.contains("a &amp; b") && svg.contains(">one name<"), "{svg}");
    assert!(!svg.contains("\n\n") && !svg.contains("NaN"));
    let rectangles: Vec<usize> = svg
        .lines()
        .filter(|line| line.starts_with("<path"))
        .map(|line| line.matches('M').count())
        .collect();
    assert_eq!(rectangles, [2, 1, 1, 1]);
    // The whole of a digit is small.
    let eight = Hand::default().write(8);
    assert!(to_svg(&[Row::whole("", vec![&eight])], "").len() < 8000);
    assert!(to_svg(&[], "nothing").starts_with("<svg"));
}

#[test]
fn the_ending_of_a_name_decides() {
    let folder = tempfile::tempdir().unwrap();
    let one = Hand::default().write(1);
    let rows = [Row::whole("one", vec![&one])];
    save(&rows, "One", &folder.path().join("one.png")).unwrap();
    save(&rows, "One", &folder.path().join("one.svg")).unwrap();
    assert!(std::fs::read_to_string(folder.path().join("one.svg")).unwrap().starts_with("<svg"));
    let refused = save(&rows, "One", &folder.path().join("one.jpg")).unwrap_err().to_string();
    assert!(refused.starts_with("expected a name that ends in .png or .svg, found "), "{refused}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
}
