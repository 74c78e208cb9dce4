"""Referrals: asked, accepted, started, completed, refused or stopped, with every day on the way."""
