// States of devices and reasons in French: the words of the catalogue (rackflow/catalogue.yaml). English ones are the catalogue's own.
export const states = {
  a: "A", b: "B", aborted: "interrompu", absent: "absent", battery: "batterie", booster: "survolteur", bypass: "by-pass", charging: "en charge",
  closed: "fermé", critical: "critique", degraded: "dégradé", depleted: "épuisée", dew_point: "point de rosée",
  differential_pressure: "pression différentielle", discharging: "en décharge", eco: "éco", failed: "en panne", fault: "défaut",
  floating: "en maintien", flow: "débit", high: "haut", in_progress: "en cours", low: "faible", low_critical: "très faible",
  maintenance: "maintenance", manual: "manuel", near_overload: "proche de la surcharge", never: "jamais", none: "aucune", normal: "normal",
  off: "arrêté", ok: "correct", open: "ouvert", other: "autre", overload: "surcharge", passed: "réussi", racked_out: "débroché",
  reducer: "dévolteur", resting: "au repos", running: "en marche", standby: "en réserve", stopped: "à l'arrêt", temperature: "température",
  tripped: "déclenché", unknown: "inconnu", warning: "avertissement",
  drifting: "dérive", frozen: "figé", impossible: "impossible", jump: "saut",
  pumps: "pompes", primary_flow: "eau du site", heat_rejection: "évacuation de chaleur",
};
