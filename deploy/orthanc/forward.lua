-- The PACS forwards every stable CT series to Ichor, and never what Ichor itself sent.
function OnStableSeries(seriesId, tags, metadata)
  if tags['Modality'] ~= 'CT' or metadata['RemoteAET'] == 'ICHOR' then return end
  RestApiPost('/modalities/ichor/store', '{"Resources":["' .. seriesId .. '"],"Synchronous":false}')
end
