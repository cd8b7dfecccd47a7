//! The programs that we fetch and drive (kubectl, helm, kind), each with its pin.
