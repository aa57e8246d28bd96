//! What chapter 3 claims, page by page.

#![allow(clippy::unwrap_used, reason = "a test that cannot unwrap has failed, in its helpers too")]

mod systems;

mod sampling;

mod euler;

mod bilinear;

mod zero_order_hold;

mod exponential_integrators;

mod diagonalization;

mod accuracy_and_stability;

mod compare;
