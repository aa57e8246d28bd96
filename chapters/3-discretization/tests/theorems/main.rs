//! What chapter 3 claims, page by page.

mod systems;

mod sampling;

mod euler;

mod bilinear;
