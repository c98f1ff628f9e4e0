-- Which trace a write belongs to (W3C Trace Context), for the spans of whoever settles it; null where nobody traces.
alter table sluice.intake add column traceparent text collate "C";
