"""COCO files: JSON, annotations, masks as RLE and polygons."""
