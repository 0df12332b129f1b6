"""What a run means so far: transcript, parts, figures. Pure: events in, values out."""
