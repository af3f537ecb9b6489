//! Places: UN/LOCODE codes of origins and destinations, and countries.

/// The hub itself.
pub(super) const HUB: &str = "BELGG";

/// Where parcels come from, the large gateways first.
pub(super) const ORIGINS: [&str; 25] = [
    "CNHGH", "HKHKG", "CNSZX", "CNCAN", "CNSHA", "CNYIW", "CNCGO", "CNNKG", "CNXMN", "CNWUH",
    "CNCTU", "CNCKG", "CNPEK", "CNTAO", "CNFOC", "CNNGB", "CNDGG", "CNEHU", "TRIST", "INDEL",
    "KRICN", "JPNRT", "SGSIN", "VNSGN", "USJFK",
];

/// Where parcels go.
pub(super) const DESTINATIONS: [&str; 80] = [
    "DEFRA", "FRCDG", "BEBRU", "NLAMS", "ESMAD", "ITMIL", "PLWAW", "DEBER", "FRLYS", "ESBCN",
    "ITROM", "NLRTM", "DEHAM", "ATVIE", "PTLIS", "CZPRG", "SESTO", "DKCPH", "IEDUB", "HUBUD",
    "ROBUH", "GRATH", "FIHEL", "BGSOF", "SKBTS", "HRZAG", "SILJU", "LTVNO", "LVRIX", "EETLL",
    "LULUX", "MTMLA", "CYLCA", "BEANR", "BEGNE", "BELGG", "NLEIN", "NLUTC", "DEMUC", "DECGN",
    "DESTR", "DEDUS", "DELEJ", "DEHAJ", "DENUE", "DEBRE", "FRMRS", "FRLIL", "FRBOD", "FRTLS",
    "FRNTE", "FRSXB", "FRNCE", "FRRNS", "ESVLC", "ESSVQ", "ESBIO", "ESZAZ", "ITNAP", "ITTRN",
    "ITBLQ", "ITVCE", "ITFLR", "ITPMO", "PLKRK", "PLGDN", "PLWRO", "PLPOZ", "PLLCJ", "ATGRZ",
    "ATLNZ", "PTOPO", "CZBRQ", "SEGOT", "SEMMA", "DKAAR", "IEORK", "ROCLJ", "GRSKG", "FITMP",
];

/// Countries of organisations that handle goods here.
pub(super) const EUROPE: [&str; 8] = ["BE", "DE", "NL", "FR", "ES", "IT", "PL", "LU"];

/// Countries of the sellers' offices; most are in one.
pub(super) const SELLER_COUNTRIES: [&str; 8] = ["CN", "CN", "CN", "CN", "CN", "HK", "SG", "TR"];

/// Countries that usual recipients of data sit in.
pub(super) const RECIPIENT_COUNTRIES: [&str; 7] = ["BE", "DE", "NL", "FR", "IE", "GB", "US"];

/// Countries that no usual recipient sits in.
pub(super) const NEW_COUNTRIES: [&str; 6] = ["KZ", "PA", "VN", "AE", "SC", "MD"];

/// Commodities, as six-digit HS codes.
pub(super) const COMMODITIES: [&str; 24] = [
    "610910", "620462", "640299", "420222", "851762", "851830", "850440", "950300", "711719",
    "392690", "732393", "940540", "330499", "961900", "900410", "910212", "871200", "950691",
    "630790", "491199", "847130", "854231", "392410", "620520",
];
