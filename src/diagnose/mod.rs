//! From statuses, events and logs to one cause and remedy.
