"""Preparing data sets: conversion, checks, splits, layouts."""
