#!/bin/sh
# for qanary160jslnnx
dcm2niix -o /home/qanary161fyknhv/convert /dicom
