"""The pointsam command: found, installed, run. Nothing here knows QGIS."""
