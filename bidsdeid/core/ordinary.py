"""Words that tell of no one, though they stand where names and numbers of people do."""

from __future__ import annotations

#: Words that stand in such fields and identify no one: what test scans are called, vendors and
#: models, titles and parts of names, and the words of the field itself.
COMMON = frozenset(
    """
    anonymous anonymised anonymized anonym anon deidentified removed unknown none null undefined
    unnamed noname default test testing tester pilot phantom phantoms qa qc calibration dummy
    example sample demo temp tmp new old other subject subjects subj sub participant patient
    patients person volunteer volunteers control controls healthy case cohort group pre post
    baseline followup visit session ses scan scans scanner scanning exam study studies research
    researcher project trial protocol mri fmri mr mrt dti dwi bold rest task func anat t1w t2w t1
    t2 flair pet ct eeg meg nirs ieeg head brain spine body neck whole human animal rat mouse
    monkey macaque baby infant child children adult adolescent male female siemens philips ge
    general electric medical systems healthcare healthineers bruker canon toshiba hitachi uih
    united imaging prisma trio triotim skyra verio vida terra magnetom avanto aera espree
    symphony sonata allegra biograph achieva ingenia intera elition ambition discovery signa
    premier architect optima fit syngo numaris the and for with from not available n/a na
    name id number date time first last hospital university clinic center centre institute
    institution department radiology neurology neuroradiology psychiatry psychology
    neuroimaging neuroscience imaging unit school college of at user admin operator root service
    10008 113619 670589 3680043 galan titan vantage orian cima 3t 7t code recherche forschung irm
    required recommended optional deprecated string object array integer boolean true false
    left right axial sagittal coronal lab laboratory mrs miss herr frau prof professor phd van von
    vom der den del della dos das des ter ten bin ibn
    """.split()
)

#: Names of people that are ordinary words, too: they are not looked for alone.
ORDINARY = frozenset(
    """
    jan feb mar apr jun jul aug sep oct nov dec
    may june april august summer winter will mark grant bill rich art ray max hope long short young
    little small strong best good early day black white grey gray brown green blue field hand foot
    face echo phase wave page cross house room place park word
    """.split()
)
