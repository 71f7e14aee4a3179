-- One row per CDM: the rows of drug_exposure whose drug_exposure_id an earlier row has. Its key column alone is read.
select count(*) - count(distinct drug_exposure.drug_exposure_id) as duplicates
from drug_exposure
