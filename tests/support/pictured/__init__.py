"""A made-up fleet with a past, and its dashboards as pictures: `python -m support.pictured`."""
