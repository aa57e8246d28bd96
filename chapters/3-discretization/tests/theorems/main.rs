//! What chapter 3 claims, page by page.

mod systems;

mod sampling;

mod euler;

mod bilinear;

mod zero_order_hold;

mod exponential_integrators;

mod diagonalization;

mod accuracy_and_stability;

mod compare;
