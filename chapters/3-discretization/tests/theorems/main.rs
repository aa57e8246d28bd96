//! What chapter 3 claims, page by page.

mod exponential_integrators;
mod zero_order_hold;
