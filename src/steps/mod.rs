//! The units of `up` and `down`, the plan that orders them, the journal and the receipt.
