"""From prepared tables to a judged model: data sets, training, the sweep, evaluation, gates."""
